import { Loading, PageFrame } from '../../components/index.ts';

export default function ModelPage() {
  return (
    <PageFrame title="Model">
      <Loading />
    </PageFrame>
  );
}
