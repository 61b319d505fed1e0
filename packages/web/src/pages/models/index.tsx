import { Loading, PageFrame } from '../../components/index.ts';

export default function ModelsPage() {
  return (
    <PageFrame title="Models">
      <Loading />
    </PageFrame>
  );
}
