import { Loading, PageFrame } from '../../components/index.ts';

export default function SettingsPage() {
  return (
    <PageFrame title="Settings">
      <Loading />
    </PageFrame>
  );
}
