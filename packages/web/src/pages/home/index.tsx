import { Loading, PageFrame } from '../../components/index.ts';

export default function HomePage() {
  return (
    <PageFrame title="Home">
      <Loading />
    </PageFrame>
  );
}
