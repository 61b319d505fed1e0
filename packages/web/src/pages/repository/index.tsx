import { Loading, PageFrame } from '../../components/index.ts';

export default function RepositoryPage() {
  return (
    <PageFrame title="Repository">
      <Loading />
    </PageFrame>
  );
}
