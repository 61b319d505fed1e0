import { constants, lstatSync, mkdirSync, realpathSync, unlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { removeTree } from '@tagboat/process';

// These look at single paths, at once: a turn through the thread pool takes ten times as long as such a look.

/** True where a path, with all its links followed, stays below a directory. */
export function staysInside(root: string, path: string): boolean {
  const base = realpathSync.native(root);
  const found = ifThere(() => realpathSync.native(path));
  return found !== undefined && (found === base || found.startsWith(base + sep));
}

/** The same of a path whose end may not be there yet: what is there of it stays below the directory. */
export function wouldStayInside(root: string, path: string): boolean {
  for (let at = path; at.startsWith(root); at = dirname(at)) if (stateOf(at)) return staysInside(root, at);
  return false;
}

/**
 * Reads a file that a step wrote. What is not a plain file is not there: a link could lead anywhere on the host, and a
 * pipe would never end.
 * @param root as `realpath` told it before any step ran: a step may have put a link in its place
 * @throws `ResultsTooLarge`
 */
export async function readStepFile(
  root: string,
  path: string,
  limit: { bytes: number; what: string },
): Promise<Buffer | undefined> {
  const directory = ifThere(() => realpathSync.native(dirname(path)));
  if (!stateOf(path)?.isFile() || !(directory === root || directory?.startsWith(root + sep)))
    return undefined;
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    // Of what was opened, and no more than it had then: what the step left running may still write.
    const found = await file.stat();
    if (!found.isFile()) return undefined;
    if (found.size > limit.bytes)
      throw new TagboatError(
        `${limit.what} has ${found.size} bytes; at most ${limit.bytes} can be handed on`,
        { reason: 'ResultsTooLarge', hint: 'put large values into a file of a workspace' },
      );
    const { buffer, bytesRead } = await file.read(Buffer.alloc(found.size), 0, found.size, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Writes a file where a step could write before it ended: what it left in the way is removed, never followed.
 * @param root which the step could not replace
 */
export async function writeStepFile(root: string, path: string, text: string): Promise<void> {
  for (const at of directoriesBetween(root, path)) {
    const found = stateOf(at);
    if (found?.isDirectory()) continue;
    if (found) unlinkSync(at);
    mkdirSync(at, { recursive: true });
  }
  const found = stateOf(path);
  if (found?.isDirectory()) await removeTree([path]);
  else if (found) unlinkSync(path);
  writeFileSync(path, text, { flag: 'wx' });
}

const stateOf = (path: string) => ifThere(() => lstatSync(path, { throwIfNoEntry: false }));

/** What cannot be looked at is not there. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** The directories that a path lies in, outermost first, from a root on. */
function directoriesBetween(root: string, path: string): string[] {
  const parent = dirname(path);
  return parent === root ? [root] : [...directoriesBetween(root, parent), parent];
}
