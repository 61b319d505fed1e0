import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@tagboat/process';
import { expect, test } from 'vitest';
import { absolutePlaces, bundleCli, bundleEntry } from './bundle.ts';
import { installation } from './paths.ts';

test('the whole CLI bundles into files that run, beside its packages with addons', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-bundle-'));
  try {
    const outside = await bundleCli(join(installation, 'packages', 'cli', 'src'), {
      directory,
      ...absolutePlaces,
    });
    expect(outside).toContain('zeromq');
    const names = await readdir(directory);
    expect(names).toContain('sqlite-worker.js');
    // The steps' files share nothing, so that those of the whole CLI stay as they are.
    expect(names.filter((name) => name.endsWith('.cjs')).length).toBe(7);
    expect(await readFile(join(directory, 'spawner-process.js'), 'utf8')).toMatch(/^import /m);
    const run = (...args: string[]) => runCommand(process.execPath, [join(directory, bundleEntry), ...args]);
    expect((await run('--help')).stdout.toString()).toMatch(/promote/);
    // One with a file of its own, one without.
    for (const name of ['clone', 'tag']) {
      const { code, stderr } = await run('step', name);
      expect(stderr).toMatch(/expected the variable TAGBOAT_/);
      expect(code).toBe(1);
    }
    expect(await readdir(join(directory, 'compiled'))).toHaveLength(1);
    // Steps start often: what makes environments and runs notebooks is not loaded to commit a release.
    const release = await readFile(join(directory, 'step-release.cjs'), 'utf8');
    expect(release).toMatch(/class Commit\b/);
    for (const unwanted of ['DatabaseSync', 'class NotebookRun']) expect(release).not.toContain(unwanted);
    expect(await readFile(join(directory, 'step-train.cjs'), 'utf8')).toMatch(
      /\bNotebookRun = class\b|class NotebookRun\b/,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
