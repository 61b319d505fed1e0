import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '@tagboat/process';
import { imageRoot } from '@tagboat/process/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hostTools } from './host-tools.ts';
import { probeSandbox } from './sandbox-driver.ts';

const root = process.getuid?.() === 0;
const tools = hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined });
const problem = await probeSandbox(tools, await mkdtemp(join(tmpdir(), 'tagboat-orphans-')));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-orphans-'));
  await chmod(directory, 0o755);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Resolves when no process of the container is left, each of which holds the pipe open; a sandbox's gain no privileges. */
async function killsItsContainer(driver: string, user: number, image?: string): Promise<void> {
  const mount = join(directory, 'work');
  await mkdir(mount);
  await chmod(mount, 0o777);
  await runCommand('mkfifo', ['-m', '666', join(mount, 'alive')]);
  const program = fileURLToPath(new URL('./orphans.testing.ts', import.meta.url));
  const platform = spawn(process.execPath, [program, driver, String(user), directory, mount, image ?? ''], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  let said = '';
  for await (const data of createReadStream(join(mount, 'alive'), 'utf8')) {
    said += data;
    platform.kill('SIGKILL');
  }
  expect(said).toBe(driver === 'process' ? 'up 0\n' : 'up 1\n');
}

test('a plain process does not outlive a platform that is killed', () => killsItsContainer('process', 0));

test.skipIf(problem)('nor does a sandbox', () => killsItsContainer('sandbox', 0));

test.skipIf(problem || !root)('nor does one that runs as another user', () =>
  killsItsContainer('sandbox', 1001),
);

test.skipIf(problem || !root)('nor does one of an image that runs as another user', async () => {
  const image = await imageRoot(join(directory, 'image'));
  await killsItsContainer('sandbox', 1001, image);
});
