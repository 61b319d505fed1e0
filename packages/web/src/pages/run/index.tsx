import { Loading, PageFrame } from '../../components/index.ts';

export default function RunPage() {
  return (
    <PageFrame title="Run">
      <Loading />
    </PageFrame>
  );
}
