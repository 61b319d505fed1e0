import { Loading, PageFrame } from '../../components/index.ts';

export default function ProjectsPage() {
  return (
    <PageFrame title="Projects">
      <Loading />
    </PageFrame>
  );
}
