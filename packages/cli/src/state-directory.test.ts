import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeScratchDirectory, makeStateDirectory } from './state-directory.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-state-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('makes it, for this user alone, and finds it again', async () => {
  const home = join(directory, 'a b', 'ü', 'tagboat');
  for (const _ of [1, 2]) await makeStateDirectory(home);
  expect((await stat(home)).mode & 0o777).toBe(0o700);
});

it('says what is in its way', async () => {
  await writeFile(join(directory, 'file'), '');
  const cases: [string, RegExp][] = [
    [join(directory, 'file'), /file cannot be used: a file is in its way/],
    [join(directory, 'file', 'below'), /cannot be used: a file is in its way/],
    [join(directory, 'x'.repeat(300)), /its name is too long/],
  ];
  if (process.platform === 'linux') cases.push(['/proc/tagboat', /takes no new directories|may not write/]);
  for (const [home, message] of cases) await expect(makeStateDirectory(home), home).rejects.toThrow(message);
});

it('removes what killed processes left for a moment, and nothing of those that live', async () => {
  // No process has so large an id (PID_MAX_LIMIT).
  const killed = String(2 ** 22 + 1);
  const [own, other] = [String(process.pid), String(process.ppid)];
  for (const name of [killed, own, other])
    await mkdir(join(directory, 'tmp', name, 'tagboat-commit-x'), { recursive: true });
  expect(await makeScratchDirectory(directory)).toBe(join(directory, 'tmp', own));
  expect((await readdir(join(directory, 'tmp'))).sort()).toEqual([own, other].sort());
  expect(await readdir(join(directory, 'tmp', own))).toEqual([]);
});
