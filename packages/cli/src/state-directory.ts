import { access, constants, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { isAlive } from '@tagboat/process';

/**
 * Makes the directory that holds the platform's state, and those above it. One by one: Node's own way never ends where
 * a file system such as /proc has no room for new directories.
 * @throws what is in its way, in words
 */
export async function makeStateDirectory(home: string): Promise<void> {
  try {
    await make(home, 0o700);
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (cause instanceof TagboatError) throw cause;
    throw unusable(home, (cause as NodeJS.ErrnoException).code ?? String(cause), cause);
  }
}

/**
 * Makes the directory that this process has for what is there for a moment, and removes those of processes that were
 * killed. What a kill leaves is thus found again, which it would not be in `/tmp`.
 */
export async function makeScratchDirectory(home: string): Promise<string> {
  const all = join(home, 'tmp');
  const own = join(all, String(process.pid));
  await mkdir(all, { recursive: true, mode: 0o700 });
  for (const name of await readdir(all))
    if (join(all, name) === own || !isAlive(Number(name)))
      await rm(join(all, name), { recursive: true, force: true });
  await mkdir(own, { mode: 0o700 });
  return own;
}

async function make(path: string, mode?: number): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  if (found && !found.isDirectory()) throw unusable(path, 'ENOTDIR');
  if (found) return;
  if (dirname(path) !== path) await make(dirname(path));
  await mkdir(path, mode === undefined ? {} : { mode }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file is in its way',
  ENOENT: 'the file system takes no new directories',
  ENAMETOOLONG: 'its name is too long',
};

const unusable = (path: string, code: string, cause?: unknown) =>
  new TagboatError(`the state directory ${path} cannot be used: ${reasons[code] ?? code}`, {
    reason: 'StateDirectory',
    hint: 'name another one with TAGBOAT_HOME',
    cause,
  });
