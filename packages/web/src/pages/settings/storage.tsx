import type { Health } from '@tagboat/api';
import { bytesText } from '@tagboat/base';
import { Ago } from '../../components/index.ts';

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

/** What takes how much space, as bars. */
export function Storage({ health, home }: { health: Health; home: string }) {
  const { storage, freeBytes, memoryBytes, collection } = health;
  const largest = Math.max(1, ...storage.map(({ bytes }) => bytes));
  const total = storage.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <section className="tb-panel">
      <h2>Storage</h2>
      <p className="tb-quiet">
        {bytesText(total)} in <code>{home}</code>, {bytesText(freeBytes)} free. The platform uses{' '}
        {bytesText(memoryBytes)} of memory.
      </p>
      {collection && (
        <p className="tb-quiet">
          What nothing uses was collected <Ago at={collection.at} />;{' '}
          {bytesText(collection.removedBytesInAll)} in all.
          {collection.problems.map((problem) => ` Left alone: ${problem}.`)}
        </p>
      )}
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
