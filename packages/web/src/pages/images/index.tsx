import { Loading, PageFrame } from '../../components/index.ts';

export default function ImagesPage() {
  return (
    <PageFrame title="Images">
      <Loading />
    </PageFrame>
  );
}
