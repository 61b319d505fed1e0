import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
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
    const names = await readdir(directory);
    const release = names.filter((name) => /^(main|step|release)\b.*\.js$/.test(name));
    const loaded = await withImports(directory, release);
    expect(loaded).toMatch(/class Commit\b/);
    // Steps start often: what makes environments and runs notebooks is not loaded to commit a release.
    for (const unwanted of ['DatabaseSync', 'class NotebookRun']) expect(loaded).not.toContain(unwanted);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

/** The text of files of a bundle and of all that they import at their start. */
async function withImports(directory: string, names: readonly string[]): Promise<string> {
  const texts = new Map<string, string>();
  for (const wanted = [...names]; wanted.length > 0; ) {
    const name = wanted.pop()!;
    if (texts.has(name)) continue;
    const text = await readFile(join(directory, name), 'utf8');
    texts.set(name, text);
    for (const [, imported] of text.matchAll(/^(?:import|export) .*"\.\/([\w-]+\.js)";$/gm))
      wanted.push(imported!);
  }
  return [...texts.values()].join('\n');
}
