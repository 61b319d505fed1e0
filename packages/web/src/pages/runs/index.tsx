import { Loading, PageFrame } from '../../components/index.ts';

export default function RunsPage() {
  return (
    <PageFrame title="Runs">
      <Loading />
    </PageFrame>
  );
}
