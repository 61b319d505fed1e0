import { existsSync, statSync, utimesSync } from 'node:fs';
import { access, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson, hexOf, sha256 } from '@tagboat/base';
import { runChecked, runCommand } from '@tagboat/process';
import { bundleEntry, frequentSteps } from './bundle.ts';
import { installation, isSource, selfCommand } from './paths.ts';

const keptFor = 7 * 24 * 3_600_000;

export interface StepCommand {
  /** The command line that starts the CLI within steps. */
  readonly command: readonly string[];
  /** Directories that it needs to see. */
  readonly directories: readonly string[];
}

/**
 * How steps start the CLI: they start often, and from a bundle in a quarter of the time. A checkout bundles its sources
 * when they changed, beside its packages, or in the state directory where that cannot be written.
 */
export async function stepCommand(home: string): Promise<StepCommand> {
  if (!isSource) return { command: selfCommand, directories: [installation] };
  const name = `steps-${(await sourcesStamp()).slice(0, 16)}`;
  const shared = join(installation, 'node_modules', '.cache', 'tagboat');
  const places = [shared, join(home, 'tools')];
  const found = places.map((place) => join(place, name)).find((path) => existsSync(join(path, bundleEntry)));
  const directory = found ?? (await makeBundle(join((await isWritable(shared)) ? shared : places[1]!, name)));
  touch(directory);
  return {
    command: [process.execPath, join(directory, bundleEntry)],
    directories: [installation, directory],
  };
}

async function makeBundle(directory: string): Promise<string> {
  const temporary = `${directory}.${process.pid}`;
  await mkdir(dirname(directory), { recursive: true });
  try {
    const bundler = join(installation, 'packages', 'cli', 'src', 'bundle-steps.ts');
    await runChecked(process.execPath, ['--disable-warning=ExperimentalWarning', bundler, temporary]);
    await rename(temporary, directory).catch((error: NodeJS.ErrnoException) => {
      // Another start made the same bundle meanwhile.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  await compile(directory);
  await removeOld(dirname(directory));
  return directory;
}

/** Sandboxes show a bundle read-only: what V8 compiles is kept by starting each step once, which ends for lack of a task. */
async function compile(directory: string): Promise<void> {
  for (const name of frequentSteps)
    await runCommand(process.execPath, [join(directory, bundleEntry), 'step', name], { env: {} });
}

/** Bundles of sources that have long changed; platforms that still run touched theirs when they started. */
async function removeOld(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const path = join(place, name);
    if (Date.now() - (await stat(path)).mtimeMs > keptFor) await rm(path, { recursive: true, force: true });
  }
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Another user's, who keeps it fresh.
  }
}

async function isWritable(directory: string): Promise<boolean> {
  return mkdir(directory, { recursive: true })
    .then(() => access(directory, constants.W_OK))
    .then(
      () => true,
      () => false,
    );
}

/** Changes whenever a source file or the set of packages does. */
async function sourcesStamp(): Promise<string> {
  const packages = join(installation, 'packages');
  const sources = (await readdir(packages)).map((name) => join(packages, name, 'src'));
  const files: [string, number, number][] = [];
  for (const source of sources.filter((path) => existsSync(path)))
    for (const found of await readdir(source, { recursive: true, withFileTypes: true })) {
      if (!found.isFile() || !found.name.endsWith('.ts') || found.name.endsWith('.test.ts')) continue;
      files.push(facts(join(found.parentPath, found.name)));
    }
  const lock = join(installation, 'package-lock.json');
  if (existsSync(lock)) files.push(facts(lock));
  return hexOf(sha256(canonicalJson(files.sort(([a], [b]) => (a < b ? -1 : 1)))));
}

function facts(path: string): [string, number, number] {
  const { size, mtimeMs } = statSync(path);
  return [path, size, mtimeMs];
}
