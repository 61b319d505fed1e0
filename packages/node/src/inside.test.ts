import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wouldStayInside } from './inside.ts';
import { copyToHome } from './step-credentials.ts';
import { PodVolumes } from './volumes.ts';

let directory: string;
let root: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-inside-'));
  root = join(directory, 'volume');
  await mkdir(join(root, 'real'), { recursive: true });
  await mkdir(join(directory, 'outside'));
  await symlink(join(directory, 'outside'), join(root, 'out'));
  await symlink('real', join(root, 'within'));
  await symlink('/nowhere/at/all', join(root, 'dangling'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test.each([
  ['real/new/file', true],
  ['within/new', true],
  ['new', true],
  ['out', false],
  ['out/new/file', false],
  ['dangling', false],
  ['dangling/x', false],
])('%s stays inside: %s', async (path, stays) => {
  expect(await wouldStayInside(root, join(root, path))).toBe(stays);
});

test('what the node writes for a step goes where the step would', async () => {
  const mounts = [{ hostPath: root, mountPath: '/workspace/w', readOnly: false }];
  expect(await PodVolumes.safeHostPath(mounts, '/workspace/w/real/x')).toBe(join(root, 'real/x'));
  expect(await PodVolumes.safeHostPath(mounts, '/elsewhere')).toBeUndefined();
  await expect(PodVolumes.safeHostPath(mounts, '/workspace/w/out/x')).rejects.toMatchObject({
    reason: 'PathLeadsOut',
  });
});

test('credentials follow no link in a home', async () => {
  const credentials = join(directory, 'credentials');
  const home = join(root, 'home');
  await mkdir(join(credentials, '.ssh'), { recursive: true });
  await writeFile(join(credentials, '.ssh/config'), 'secret');
  await mkdir(home);
  await symlink(join(directory, 'outside'), join(home, '.ssh'));
  await copyToHome(credentials, home, undefined);
  expect(await wouldStayInside(root, join(home, '.ssh/config'))).toBe(true);
  await expect(rm(join(directory, 'outside/config'))).rejects.toMatchObject({ code: 'ENOENT' });
});
