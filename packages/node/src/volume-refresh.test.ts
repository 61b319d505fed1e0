import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigMap, kinds, type Pod } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutate, ObjectStore } from '@tagboat/store';
import { expect, test, vi } from 'vitest';
import { NodeLayout } from './layout.ts';
import { followVolumes } from './volume-refresh.ts';
import { PodVolumes } from './volumes.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { color: 'red' } },
  spec: {
    automountServiceAccountToken: false,
    containers: [],
    volumes: [
      { name: 'settings', configMap: { name: 'settings' } },
      {
        name: 'all',
        projected: {
          sources: [
            { configMap: { name: 'settings', items: [{ key: 'a', path: 'deep/a' }] } },
            {
              downwardAPI: {
                items: [{ path: 'color', fieldRef: { fieldPath: "metadata.labels['color']" } }],
              },
            },
          ],
        },
      },
    ],
  },
};

test('volumes follow what they show, and keep it where it is gone', async () => {
  const home = await mkdtemp(join(tmpdir(), 'volumes-'));
  await using store = new ObjectStore();
  const settings = { type: kinds.ConfigMap, namespace: 'n', name: 'settings' };
  const { uid: _, ...metadata } = pod.metadata;
  await store.create<Pod>({ ...pod, metadata });
  await store.create<ConfigMap>({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'n' },
    data: { a: '1', b: '1' },
  });
  const volumes = new PodVolumes({ reader: store, layout: new NodeLayout(home), tokenFor: () => '' });
  await volumes.prepare(pod);
  const read = (volume: string, path: string) =>
    readFile(join(volumes.directory(volume), path), 'utf8').catch(() => undefined);
  expect(await read('settings', 'a')).toBe('1');
  const stop = new AbortController();
  const following = followVolumes(pod, {
    store,
    clock: systemClock,
    log: silentLogger,
    signal: stop.signal,
    refresh: (now) => volumes.refresh(now),
  });
  await mutate<ConfigMap>(store, settings, (draft) => {
    draft.data = { a: '2', c: '3' };
  });
  await mutate<Pod>(store, { type: kinds.Pod, namespace: 'n', name: 'p' }, (draft) => {
    draft.metadata.labels = { color: 'blue' };
  });
  await vi.waitFor(async () => {
    expect(await read('settings', 'a')).toBe('2');
    expect(await read('all', 'deep/a')).toBe('2');
    expect(await read('all', 'color')).toBe('blue');
  });
  expect(await readdir(volumes.directory('settings'))).toEqual(['a', 'c']);
  await store.delete(settings);
  stop.abort();
  await following;
  expect(await read('settings', 'c')).toBe('3');
  await rm(home, { recursive: true });
});

test.skipIf(process.getuid?.() !== 0)('volumes belong to the fsGroup (needs root)', async () => {
  const home = await mkdtemp(join(tmpdir(), 'volumes-'));
  await using store = new ObjectStore();
  const volumes = new PodVolumes({ reader: store, layout: new NodeLayout(home), tokenFor: () => '' });
  await volumes.prepare({
    ...pod,
    spec: {
      containers: [],
      securityContext: { fsGroup: 2000 },
      volumes: [{ name: 'scratch', emptyDir: {} }],
    },
  });
  const { gid, mode } = await stat(volumes.directory('scratch'));
  expect([gid, mode & 0o7777]).toEqual([2000, 0o2777]);
  await rm(home, { recursive: true });
});
