import { Loading, PageFrame } from '../../components/index.ts';

export default function DeploymentPage() {
  return (
    <PageFrame title="Deployment">
      <Loading />
    </PageFrame>
  );
}
