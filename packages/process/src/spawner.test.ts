import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Spawner } from './spawner.ts';

let directory: string;
const spawner = new Spawner();
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-spawner-'));
});
afterAll(async () => {
  spawner[Symbol.dispose]();
  await rm(directory, { recursive: true, force: true });
});

const sh = (script: string, more: { cwd?: string; file?: string } = {}) =>
  spawner.spawn({
    file: more.file ?? '/bin/sh',
    args: ['-c', script],
    cwd: more.cwd ?? directory,
    env: { PATH: '/usr/bin:/bin', WORD: 'hello' },
  });

test('what it starts has the directory and the environment that were given, and nothing else', async () => {
  const { exited } = await sh('echo "$PWD $WORD $HOME" > out; exit 3');
  expect(await exited).toEqual({ code: 3, signal: null });
  expect(await readFile(join(directory, 'out'), 'utf8')).toBe(`${directory} hello \n`);
});

test('a process leads a group, which ends with it', async () => {
  const { pid, exited } = await sh('sleep 60 & echo $! > child; wait');
  process.kill(-pid, 'SIGTERM');
  expect(await exited).toEqual({ code: null, signal: 'SIGTERM' });
});

test('a directory that is not there is an error', async () => {
  await expect(sh(':', { cwd: '/does/not/exist' })).rejects.toMatchObject({ reason: 'CommandNotFound' });
});

test('a spawner that is killed takes along what it started, and the next process has a new one', async () => {
  const { exited } = await sh('sleep 60');
  spawner[Symbol.dispose]();
  expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
  const next = await sh('exit 0');
  expect((await next.exited).code).toBe(0);
});
