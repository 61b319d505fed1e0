import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@tagboat/base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { podMarker } from './driver.ts';
import { reapPod } from './reap.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-reap-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it.skipIf(process.platform !== 'linux').each([
  ['by its environment', { env: { [podMarker]: 'the-uid' }, cwd: '/' }, 'exec sleep 600'],
  ['by its directory', { env: {}, cwd: '' }, 'exec sleep 600'],
  ['by a file it holds open', { env: {}, cwd: '/' }, 'exec sleep 600 > "$0/file"'],
])('ends what a pod left, known %s', async (_, { env, cwd }, script) => {
  const left = spawn('/bin/sh', ['-c', `echo up >&2; ${script}`, directory], {
    env: { PATH: process.env.PATH, ...env } as NodeJS.ProcessEnv,
    cwd: cwd || directory,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(left, 'exit');
  await once(left.stderr, 'data');
  // The file is opened after the word was said.
  while (left.exitCode === null && left.signalCode === null) {
    await reapPod('the-uid', directory, silentLogger);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await ended)[1]).toBe('SIGKILL');
});
