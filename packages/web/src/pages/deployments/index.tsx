import { Loading, PageFrame } from '../../components/index.ts';

export default function DeploymentsPage() {
  return (
    <PageFrame title="Deployments">
      <Loading />
    </PageFrame>
  );
}
