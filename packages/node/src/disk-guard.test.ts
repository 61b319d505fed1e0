import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Pod, PodSpec } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DiskGuard } from './disk-guard.ts';
import { NodeLayout } from './layout.ts';

let layout: NodeLayout;
beforeEach(async () => {
  layout = new NodeLayout(await mkdtemp(join(tmpdir(), 'tagboat-disk-')));
});
afterEach(() => rm(layout.home, { recursive: true, force: true }));

const pod = (uid: string, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: uid, namespace: 'n', uid },
  spec: { containers: [{ name: 'c' }], ...spec },
});

async function fill(path: string, mebibytes: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.alloc(mebibytes * 2 ** 20, 1));
}

async function evicted(pods: readonly Pod[], free: number): Promise<string[]> {
  const found: string[] = [];
  await using guard = new DiskGuard({
    layout,
    clock: new ManualClock(),
    log: silentLogger,
    space: async () => ({ total: 100 * 2 ** 30, free }),
    pods: () =>
      pods.map((item) => ({
        pod: item,
        evict: (_, message) => found.push(`${item.metadata.name}: ${message}`),
      })),
  });
  await guard.look();
  return found;
}

it('evicts what holds most where the disk runs full, and nothing else', async () => {
  await fill(join(layout.pod('small'), 'volumes/v/file'), 1);
  await fill(join(layout.pod('large'), 'containers/c/tmp/_tmp/file'), 15);
  const pods = [pod('small'), pod('large')];
  expect(await evicted(pods, 50 * 2 ** 30)).toEqual([]);
  expect(await evicted(pods, 2 ** 20)).toEqual([
    expect.stringMatching(/^large: The node was low on resource: ephemeral-storage/),
  ]);
});

it('evicts what holds more than its limits say', async () => {
  await fill(join(layout.pod('a'), 'volumes/cache/file'), 3);
  await fill(join(layout.podLogs('n', 'b'), 'c.log'), 3);
  const limited = pod('b', {
    containers: [{ name: 'c', resources: { limits: { 'ephemeral-storage': '1Mi' } } }],
  });
  const pods = [pod('a', { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '2Mi' } }] }), limited];
  expect(await evicted(pods, 50 * 2 ** 30)).toEqual([
    'a: Usage of EmptyDir volume "cache" exceeds the limit "2Mi".',
    'b: Pod ephemeral local storage usage exceeds the total limit of containers 1Mi.',
  ]);
});

it('blames what fills a claim, and nobody else for what stays in it', async () => {
  await fill(join(layout.pod('innocent'), 'volumes/v/file'), 11);
  await fill(join(layout.claim('n', 'data'), 'file'), 15);
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  let pods = [pod('innocent'), pod('filler', { volumes })];
  let free = 3 * 2 ** 20;
  const found: string[] = [];
  const evict = ({ metadata }: Pod) => {
    found.push(metadata.name);
    pods = pods.filter((item) => item.metadata.name !== metadata.name);
  };
  await using guard = new DiskGuard({
    layout,
    clock: new ManualClock(),
    log: silentLogger,
    space: async () => ({ total: 100 * 2 ** 30, free }),
    pods: () => pods.map((item) => ({ pod: item, evict: () => evict(item) })),
  });
  await guard.look();
  await guard.look();
  expect(found).toEqual(['filler']);
  free = 2 ** 20;
  await guard.look();
  expect(found).toEqual(['filler', 'innocent']);
});

it.each([
  [50, 4999],
  [3, 1000],
  [1.01, 249],
])('looks sooner the less is free: %d GiB', async (gibibytes, early) => {
  const clock = new ManualClock();
  let looks = 0;
  const free = gibibytes * 2 ** 30;
  await using guard = new DiskGuard({
    layout,
    clock,
    log: silentLogger,
    space: async () => {
      looks++;
      return { total: 100 * 2 ** 30, free };
    },
    pods: () => [{ pod: pod('a'), evict: () => undefined }],
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  guard.wake();
  await settled();
  clock.advance(early);
  await settled();
  expect(looks).toBe(1);
  clock.advance(30);
  while (looks < 3) await settled();
});
