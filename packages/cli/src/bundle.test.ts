import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@tagboat/process';
import { expect, test } from 'vitest';
import { absolutePlaces, bundle } from './bundle.ts';
import { installation } from './paths.ts';

test('the whole CLI bundles into files that run, beside its packages with addons', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-bundle-'));
  try {
    const main = join(installation, 'packages', 'cli', 'src', 'main.ts');
    const outside = await bundle({ entries: { main }, directory, ...absolutePlaces });
    expect(outside).toContain('zeromq');
    expect(await readdir(directory)).toContain('sqlite-worker.js');
    const help = await runCommand(process.execPath, [join(directory, 'main.js'), '--help']);
    expect(help.stdout.toString()).toMatch(/promote/);
    const step = await runCommand(process.execPath, [join(directory, 'main.js'), 'step', 'clone']);
    expect(step.stderr).toMatch(/expected the variable TAGBOAT_/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
