import { Loading, PageFrame } from '../../components/index.ts';

export default function PipelinesPage() {
  return (
    <PageFrame title="Pipelines">
      <Loading />
    </PageFrame>
  );
}
