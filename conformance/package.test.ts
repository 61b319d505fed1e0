import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@tagboat/client';
import { failures, finishedRun, reasonOf, serving, tinyProject, WorkingCopy } from '@tagboat/dev-env';
import { runChecked, runCommand } from '@tagboat/process';
import { expect, test } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = await runCommand('npm', ['ping'], { timeout: 15_000 }).catch(() => undefined);
const offline = packages?.code === 0 ? undefined : 'the package registry cannot be reached';

test(`the packed package installs globally, and works from any directory${offline ? ` (skipped: ${offline})` : ''}`, {
  timeout: 240_000,
  skip: offline !== undefined,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-package-'));
  const home = join(directory, 'home');
  const elsewhere = join(directory, 'elsewhere');
  await mkdir(elsewhere);
  try {
    await runChecked('npm', ['pack', '--pack-destination', directory], { cwd: root });
    const file = join(directory, 'tagboat-0.1.0.tgz');
    await runChecked('npm', ['install', '--global', '--prefix', join(directory, 'prefix'), file], {
      cwd: elsewhere,
    });
    const tagboat = join(directory, 'prefix', 'bin', 'tagboat');
    const env = { ...process.env, TAGBOAT_HOME: home, TAGBOAT_PORT: '0', TAGBOAT_APPS_PORT: '0' };
    const help = await runChecked(tagboat, ['--help'], { cwd: elsewhere, env });
    expect(help.stdout.toString()).toMatch(/tagboat/);
    const platform = spawn(tagboat, ['up'], { cwd: elsewhere, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const gone = new Promise((resolve) => platform.once('close', resolve));
    try {
      await said(platform.stdout, 'Ctrl-C stops it');
      const url = (await readFile(join(home, 'config', 'url'), 'utf8')).trim();
      const token = (await readFile(join(home, 'config', 'token'), 'utf8')).trim();
      const client = new Client({ url, token });
      const remote = new URL(`${url}/git/packed/tiny.git`);
      remote.username = 'tagboat';
      remote.password = token;
      await using copy = await WorkingCopy.create(async () => remote.href, tinyProject);
      await copy.ship('v1.0.0');
      const run = await finishedRun(client, 'packed', 'v1.0.0');
      expect(reasonOf(run), await failures(client, run)).toBe('Succeeded');
      await serving(client, { namespace: 'packed-staging', model: 'tiny', tag: 'v1.0.0' });
      const answer = await runChecked(tagboat, ['predict', 'tiny', '1'], { cwd: elsewhere, env });
      expect(JSON.parse(answer.stdout.toString())).toEqual({ mean: 42, inputs: 1 });
    } finally {
      platform.kill('SIGINT');
      await gone;
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

function said(stream: NodeJS.ReadableStream, text: string): Promise<void> {
  let output = '';
  return new Promise((resolve, reject) => {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.includes(text)) resolve();
    });
    stream.once('end', () => reject(new Error(`it ended: ${output}`)));
  });
}
