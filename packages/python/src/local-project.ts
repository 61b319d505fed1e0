import { stat } from 'node:fs/promises';
import { join, normalize, relative, resolve, sep } from 'node:path';
import { invalid, type Location } from '@tagboat/base';
import type { Draft } from './draft.ts';
import { extrasOf } from './pep508.ts';

/** Whether a requirement is a path of the repository rather than the name of a package. */
export function isLocalPath(text: string): boolean {
  return /^(\.{1,2}($|[/[])|\/|~\/|file:)/.test(text) || /^[^@\s;]+\/[^@\s;]*$/.test(text);
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/**
 * Notes a directory that is asked for as a package. Its code is not copied into the shared environment: it changes with
 * every commit, the environment must not.
 * @throws `Invalid` when it is outside the repository or is no directory.
 */
export async function addLocalProject(draft: Draft, text: string, source: Location): Promise<void> {
  const path = normalize(text.replace(/^file:(\/\/)?/, '').replace(/\[.*\]$/, '')).replace(/(.)\/$/, '$1');
  const full = resolve(draft.directory, path);
  const inside = relative(resolve(draft.directory), full);
  if (inside === '..' || inside.startsWith(`..${sep}`))
    throw invalid(`"${text}" is outside the directory of the requirements`, {
      location: source,
      hint: 'only directories of the repository itself can be used',
    });
  if (!(await isDirectory(full)))
    throw invalid(
      `expected "${text}" to be a directory with Python code; a package file cannot be used here`,
      {
        location: source,
        hint: 'name the package and its version, and give the directory of its file as --find-links',
      },
    );
  const hasSource = await isDirectory(join(full, 'src'));
  const isPackage = (await stat(join(full, 'src', '__init__.py')).catch(() => undefined)) !== undefined;
  const importRoot = hasSource && !isPackage ? join(inside || '.', 'src') : inside || '.';
  draft.projects.push({ path: inside || '.', importRoot, extras: extrasOf(text), source });
}
