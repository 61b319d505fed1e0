import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { groupMemory, memoryQuantity } from './memory-limit.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagboat-memory-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function files(texts: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
}

test('reads the own group of v1, in its place', async () => {
  await files({
    'proc/self/cgroup': '8:pids:/a\n4:memory:/node/pod/main\n0::/\n',
    'sys/fs/cgroup/memory/node/pod/main/memory.limit_in_bytes': '536870912\n',
    'sys/fs/cgroup/memory/node/pod/main/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  });
  expect(await groupMemory(root)).toEqual({ limit: 536870912, kills: 2 });
});

test('reads v2, as a container sees it', async () => {
  await files({
    'proc/self/cgroup': '0::/../../pod\n',
    'sys/fs/cgroup/memory.max': 'max\n',
    'sys/fs/cgroup/memory.events': 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 1\noom_group_kill 0\n',
  });
  expect(await groupMemory(root)).toEqual({ limit: undefined, kills: 1 });
});

test('says nothing where nothing is known', async () => {
  expect(await groupMemory(root)).toBeUndefined();
});

test('writes memory as Kubernetes does', () => {
  expect([2 ** 29, 2 ** 31, 1536 * 2 ** 20, 5 * 2 ** 10, 1e9].map(memoryQuantity)).toEqual([
    '512Mi',
    '2Gi',
    '1536Mi',
    '5Ki',
    '954Mi',
  ]);
});
