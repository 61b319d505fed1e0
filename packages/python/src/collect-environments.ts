import { randomUUID } from 'node:crypto';
import { lstat, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freedBy, removeTree } from '@tagboat/process';

/** Is there when an environment is whole; it changed when that was last asked for. */
export const marker = '.complete';

export interface CollectEnvironmentsOptions {
  /** Environments that were not asked for since then (milliseconds since the epoch) go. */
  readonly unusedSince: number;
  /** Where what goes is moved first, on the same file system: nobody finds half an environment. */
  readonly trash: string;
  /** Whether nothing runs that could install packages: only then the installer's cache is looked at. */
  readonly idle: boolean;
}

export interface RemovedEnvironments {
  readonly kept: number;
  readonly removed: number;
  readonly bytes: number;
}

/**
 * Removes environments that nobody asked for any more, and what only they needed of the installer's cache. One that is
 * asked for again is made again. Names of what lies here may be links that a step made: none is followed.
 */
export async function collectEnvironments(
  directory: string,
  options: CollectEnvironmentsOptions,
): Promise<RemovedEnvironments> {
  let [kept, removed, bytes] = [0, 0, 0];
  for (const name of await readdir(directory).catch(() => [])) {
    const path = join(directory, name);
    if (!/^[0-9a-f]{64}(\.new)?$/.test(name) || !(await isDirectory(path))) continue;
    if ((await lastUsed(path)) >= options.unusedSince) {
      kept++;
      continue;
    }
    const away = join(options.trash, randomUUID());
    await rename(path, away);
    // Another process may have found it in between.
    if ((await lastUsed(away)) >= options.unusedSince) {
      await rename(away, path);
      kept++;
      continue;
    }
    bytes += await freedBy(away);
    await removeTree([away]);
    removed++;
  }
  if (options.idle) bytes += await collectCache(join(directory, '.cache'), options);
  return { kept, removed, bytes };
}

/** Of what the installer and the image builder keep, the old that no environment has. */
async function collectCache(cache: string, { unusedSince }: CollectEnvironmentsOptions): Promise<number> {
  let bytes = 0;
  const remove = async (path: string) => {
    bytes += await freedBy(path);
    await removeTree([path]);
  };
  for (const archive of await directoriesIn(join(cache, 'uv'), cache))
    if (/^archive-v\d+$/.test(archive))
      for (const name of await directoriesIn(join(cache, 'uv', archive), cache)) {
        const path = join(cache, 'uv', archive, name);
        // Environments share its files by hard links.
        if ((await changed(path)) < unusedSince && !(await isShared(path))) await remove(path);
      }
  if (await isPlain(join(cache, 'layers'), cache))
    for (const name of await readdir(join(cache, 'layers'))) {
      const path = join(cache, 'layers', name);
      if ((await changed(path)) < unusedSince) await remove(path);
    }
  return bytes;
}

const isDirectory = async (path: string) =>
  (await lstat(path).catch(() => undefined))?.isDirectory() === true;
const changed = async (path: string) =>
  (await lstat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;

/** An environment that is still being made, or was left half made, has no marker yet. */
async function lastUsed(environment: string): Promise<number> {
  const marked = await lstat(join(environment, marker)).catch(() => undefined);
  return marked?.mtimeMs ?? changed(environment);
}

/** A directory that is where it seems to be: no link leads there. */
async function isPlain(path: string, root: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    if (!(await isDirectory(at))) return false;
    if (at === root) return true;
  }
}

const directoriesIn = async (path: string, root: string): Promise<string[]> =>
  (await isPlain(path, root)) ? readdir(path) : [];

/** Whether some file below has another name elsewhere. */
async function isShared(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isDirectory()) return found !== undefined && found.nlink > 1;
  for (const name of await readdir(path)) if (await isShared(join(path, name))) return true;
  return false;
}
