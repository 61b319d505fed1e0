import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@tagboat/base';
import { expect, test } from 'vitest';
import { NodeLayout } from './layout.ts';
import { Retention, surplus } from './retention.ts';

const day = 86_400_000;

test('what is too old goes, then the oldest until the rest fits', () => {
  const entries = [1, 2, 3, 40].map((age) => ({
    path: String(age),
    bytes: 10,
    changed: 100 * day - age * day,
  }));
  const gone = (bytes: number) => surplus(entries, { days: 30, bytes }, 100 * day).map(({ path }) => path);
  expect(gone(1000)).toEqual(['40']);
  expect(gone(25)).toEqual(['3', '40']);
  expect(gone(0)).toEqual(['1', '2', '3', '40']);
});

test('logs in use stay, others and artifacts go by age', async () => {
  const home = await mkdtemp(join(tmpdir(), 'tagboat-retention-'));
  const clock = new ManualClock();
  const layout = new NodeLayout(home);
  const put = async (path: string, age: number) => {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'text');
    const time = new Date(clock.now() - age * day);
    await utimes(path, time, time);
    await utimes(join(path, '..'), time, time);
  };
  await put(layout.containerLog('default', 'old', 'step-a'), 40);
  await put(layout.containerLog('default', 'busy', 'step-a'), 40);
  await put(layout.containerLog('default', 'new', 'step-a'), 1);
  await put(join(layout.results, 'aa'), 100);
  await put(join(layout.results, 'bb'), 1);
  await put(join(layout.results, 'cc'), 100);
  await using retention = new Retention({
    layout,
    clock,
    log: silentLogger,
    retained: { logs: { days: 30, bytes: 1e9 }, artifacts: { days: 90, bytes: 1e9 } },
    inUse: (directory) => directory.endsWith('busy'),
    usedResults: async () => new Set(['cc']),
  });
  await retention.sweep();
  expect((await readdir(join(layout.logs, 'default'))).sort()).toEqual(['busy', 'new']);
  expect((await readdir(layout.results)).sort()).toEqual(['bb', 'cc']);
  await rm(home, { recursive: true });
});
