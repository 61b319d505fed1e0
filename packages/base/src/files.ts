import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join, normalize, relative, resolve, sep } from 'node:path';
import { invalid } from './errors.ts';

/** Flushes a directory's entries, so that a rename in it survives a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces `path` as a whole: readers see the old content or the new, and the new is on disk when this resolves.
 * Written to a temporary name in the same directory, synced, renamed. Missing directories are made.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * Notes that a file is used now, as its time of change, so that it is not collected as what nobody uses. Where that may
 * only be read no trace is left; what is not there is none.
 */
export async function markUsed(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch((error: NodeJS.ErrnoException) => {
    if (!['ENOENT', 'EPERM', 'EACCES', 'EROFS'].includes(error.code ?? '')) throw error;
  });
}

/** What a directory holds; nothing where there is none. */
export function entriesIn(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
}

/**
 * Joins a relative path from outside (archive, repository, manifest) to a root it must not leave.
 * Purely textual: whoever writes through it must also refuse links on the way.
 * @throws `Invalid` for absolute paths, NUL bytes and paths that climb out.
 */
export function safeJoin(root: string, path: string): string {
  const joined = resolve(root, normalize(path));
  const inside = relative(resolve(root), joined);
  if (path.includes('\0') || path.startsWith('/') || inside === '..' || inside.startsWith(`..${sep}`))
    throw invalid(`expected a path inside its directory, found "${path}"`, {
      hint: 'use a relative path without ".."',
    });
  return joined;
}
