import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { LocalProject } from '@tagboat/python';
import type { StepContext } from './context.ts';

const fileOf = (context: StepContext) => join(context.get('TAGBOAT_WORKSPACE'), 'import-roots.json');

/** Tells later steps of the run which directories the requirements name as packages (`-e .`, `./pkg`). */
export async function keepImportRoots(
  context: StepContext,
  projects: readonly LocalProject[],
): Promise<void> {
  const file = fileOf(context);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify([...new Set(projects.map(({ importRoot }) => importRoot))]));
}

/** Those directories, relative to the model's own. */
export async function importRoots(context: StepContext): Promise<string[]> {
  // A run of an earlier version has no such file.
  const text = await readFile(fileOf(context), 'utf8').catch(() => '[]');
  return JSON.parse(text) as string[];
}

/** `PYTHONPATH` where there are such directories; empty where there are none. @param before what else is imported from */
export function importPath(
  roots: readonly string[],
  directory: string,
  before: readonly string[] = [],
): { PYTHONPATH?: string } {
  if (roots.length === 0) return {};
  return { PYTHONPATH: [...before, ...roots.map((root) => join(directory, root))].join(delimiter) };
}
