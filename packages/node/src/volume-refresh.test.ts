import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigMap, kinds, type Pod, type Secret } from '@tagboat/api';
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
  await store.create<Secret>({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'n' },
    data: { id: 'aWQ=' },
  });
  const volumes = new PodVolumes({ reader: store, layout: new NodeLayout(home), tokenFor: () => '' });
  await volumes.prepare({
    ...pod,
    spec: {
      containers: [],
      securityContext: { fsGroup: 2000 },
      volumes: [
        { name: 'scratch', emptyDir: {} },
        { name: 'key', secret: { secretName: 'key', defaultMode: 0o400 } },
      ],
    },
  });
  const ofGroup = async (path: string) => {
    const { gid, mode } = await stat(path);
    return [gid, mode & 0o7777];
  };
  expect(await ofGroup(volumes.directory('scratch'))).toEqual([2000, 0o2777]);
  expect(await ofGroup(join(volumes.directory('key'), 'id'))).toEqual([2000, 0o440]);
  await rm(home, { recursive: true });
});

test('a subPath is as writable as its volume, a file in one is mounted itself, and what shows other objects is read-only', async () => {
  const home = await mkdtemp(join(tmpdir(), 'volumes-'));
  await using store = new ObjectStore();
  await store.create<ConfigMap>({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'n' },
    data: { a: '1' },
  });
  const volumes = new PodVolumes({ reader: store, layout: new NodeLayout(home), tokenFor: () => '' });
  await volumes.prepare({
    ...pod,
    spec: {
      automountServiceAccountToken: false,
      containers: [],
      volumes: [
        { name: 'scratch', emptyDir: {} },
        { name: 'settings', configMap: { name: 'settings' } },
      ],
    },
  });
  const mounts = await volumes.mounts({
    name: 'c',
    image: '',
    volumeMounts: [
      { name: 'scratch', mountPath: '/deep', subPath: 'a/b' },
      { name: 'settings', mountPath: '/etc/file', subPath: 'a' },
    ],
  });
  const [deep, file] = mounts;
  expect((await stat(deep!.hostPath)).mode & 0o777).toBe(0o777);
  expect(deep!.readOnly).toBe(false);
  expect(await readFile(file!.hostPath, 'utf8')).toBe('1');
  expect(file!.readOnly).toBe(true);
  await rm(home, { recursive: true });
});
