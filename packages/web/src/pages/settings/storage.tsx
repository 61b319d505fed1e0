import type { Health } from '@tagboat/api';

const meanings: Readonly<Record<string, string>> = {
  store: 'Objects of the API',
  git: 'Repositories',
  blobs: 'Images and artifacts',
  images: 'Unpacked images',
  volumes: 'Workspaces of runs',
  logs: 'Logs',
  environments: 'Python environments',
  config: 'Settings and keys',
  series: 'Metrics',
  metrics: 'Measurements',
  pods: 'Files of pods',
};

/** `1.2 GiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${value >= 100 || step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}

/** What takes how much space, as bars. */
export function Storage({ health, home }: { health: Health; home: string }) {
  const { storage, freeBytes, memoryBytes } = health;
  const largest = Math.max(1, ...storage.map(({ bytes }) => bytes));
  const total = storage.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <section className="tb-panel">
      <h2>Storage</h2>
      <p className="tb-quiet">
        {bytesText(total)} in <code>{home}</code>, {bytesText(freeBytes)} free. The platform uses{' '}
        {bytesText(memoryBytes)} of memory.
      </p>
      <ul className="tb-storage">
        {storage.map(({ name, bytes }) => (
          <li key={name}>
            <span>
              {name} <span className="tb-quiet tb-small">{meanings[name] ?? ''}</span>
            </span>
            <span className="tb-number">{bytesText(bytes)}</span>
            <span className="tb-storage__bar" aria-hidden="true">
              <span style={{ width: `${(bytes / largest) * 100}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
