import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readStepFile, wouldStayInside, writeStepFile } from './inside.ts';
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
])('%s stays inside: %s', (path, stays) => {
  expect(wouldStayInside(root, join(root, path))).toBe(stays);
});

test('what the node writes for a step goes where the step would', () => {
  const mounts = [{ hostPath: root, mountPath: '/workspace/w', readOnly: false }];
  expect(PodVolumes.safeHostPath(mounts, '/workspace/w/real/x')).toBe(join(root, 'real/x'));
  expect(PodVolumes.safeHostPath(mounts, '/elsewhere')).toBeUndefined();
  expect(() => PodVolumes.safeHostPath(mounts, '/workspace/w/out/x')).toThrow(/leads out of its volume/);
});

test('credentials follow no link in a home', async () => {
  const credentials = join(directory, 'credentials');
  const home = join(root, 'home');
  await mkdir(join(credentials, '.ssh'), { recursive: true });
  await writeFile(join(credentials, '.ssh/config'), 'secret');
  await mkdir(home);
  await symlink(join(directory, 'outside'), join(home, '.ssh'));
  await copyToHome(credentials, home, undefined);
  expect(wouldStayInside(root, join(home, '.ssh/config'))).toBe(true);
  await expect(rm(join(directory, 'outside/config'))).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('a directory that a step could write', () => {
  const limit = { bytes: 100, what: 'it' };
  let own: string;
  let outside: string;
  beforeEach(async () => {
    own = join(await realpath(await mkdtemp(join(directory, 'own-'))), 'status');
    outside = `${own}-outside`;
    for (const path of [own, outside]) {
      await mkdir(join(path, 'results'), { recursive: true });
      await writeFile(join(path, 'results/name'), path === own ? 'own' : 'precious');
    }
  });
  const code = () => join(own, 'status/exitCode');

  test('is read where it is itself', async () => {
    expect((await readStepFile(own, join(own, 'results/name'), limit))?.toString()).toBe('own');
  });

  test.each(['', 'results'])('is not read through a link in its place: "%s"', async (replaced) => {
    await rm(join(own, replaced), { recursive: true });
    await symlink(join(outside, replaced), join(own, replaced));
    expect(await readStepFile(own, join(own, 'results/name'), limit)).toBeUndefined();
  });

  test('is written in place of a link to a file', async () => {
    await mkdir(join(own, 'status'));
    await symlink(join(outside, 'results/name'), code());
    await writeStepFile(own, code(), '3');
    expect(await readFile(code(), 'utf8')).toBe('3');
    expect(await readFile(join(outside, 'results/name'), 'utf8')).toBe('precious');
  });

  test('is written in place of a link to a directory', async () => {
    await symlink(outside, join(own, 'status'));
    await writeStepFile(own, code(), '3');
    expect(await readFile(code(), 'utf8')).toBe('3');
    await expect(readFile(join(outside, 'exitCode'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('is made anew where the step removed it, or put a directory in the place of the file', async () => {
    await writeStepFile(own, code(), '3');
    await rm(code());
    await mkdir(code());
    await writeStepFile(own, code(), '4');
    expect(await readFile(code(), 'utf8')).toBe('4');
  });
});
