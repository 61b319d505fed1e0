import { Loading, PageFrame } from '../../components/index.ts';

export default function FlakyPage() {
  return (
    <PageFrame title="Flaky tests">
      <Loading />
    </PageFrame>
  );
}
