import type { Dirent } from 'node:fs';
import { type FileHandle, open, readdir, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TagboatError } from '@tagboat/base';
import type { Header, Pack } from 'tar-stream';

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

/** Passes over a directory that changes while it is copied. */
const mostPasses = 8;

/**
 * Adds a directory while it may change. Files that vanish while they are read were replaced by others (git packs its
 * objects): it is then gone through again for what is new, until nothing has vanished. In a git repository references come
 * first, then objects: what a copied reference names was there before, and is copied.
 */
export async function addTree(archive: Pack, directory: string, name: string): Promise<void> {
  const added = new Set<string>();
  for (let pass = 0; pass < mostPasses; pass++) {
    const found = await entriesBelow(directory);
    let { vanished } = found;
    for (const entry of found.entries) {
      const path = join(entry.parentPath, entry.name);
      const target = join(name, relative(directory, path));
      if (added.has(target)) continue;
      if (await addEntry(archive, entry, { path, target })) added.add(target);
      else vanished++;
    }
    if (vanished === 0) return;
  }
  throw new TagboatError(`${directory} changes faster than it can be copied`, {
    reason: 'Conflict',
    hint: 'try again when less is written',
  });
}

/** Everything below, directories before what they hold, in a repository references before objects, those before packs. */
async function entriesBelow(directory: string): Promise<{ entries: Dirent[]; vanished: number }> {
  const { entries, vanished } = await walk(directory);
  const place = (entry: Dirent): number => {
    if (entry.isDirectory()) return 0;
    const path = join(entry.parentPath, entry.name);
    return path.includes('/objects/pack/') ? 3 : path.includes('/objects/') ? 2 : 1;
  };
  const wanted = entries
    .filter(({ name }) => !name.endsWith('.tmp') && !name.endsWith('.lock'))
    .sort(
      (a, b) => place(a) - place(b) || (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1),
    );
  return { entries: wanted, vanished };
}

/** All entries, one directory after the other: one that vanishes meanwhile costs nothing but itself. */
async function walk(directory: string): Promise<{ entries: Dirent[]; vanished: number }> {
  const entries: Dirent[] = [];
  let vanished = 0;
  const left = [directory];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const found = await readdir(path, { withFileTypes: true }).catch(ifMissing);
    if (!found) {
      refuseOddName(path);
      if (path !== directory) vanished++;
      continue;
    }
    for (const entry of found) {
      entries.push(entry);
      if (entry.isDirectory()) left.push(join(path, entry.name));
    }
  }
  return { entries, vanished };
}

/** A name that is no UTF-8 is not found under what it was read as. @throws `Unprocessable` */
function refuseOddName(path: string): void {
  if (!path.includes('\ufffd')) return;
  throw new TagboatError(`${path} has a name that is no UTF-8`, {
    reason: 'Unprocessable',
    retryable: false,
    hint: 'rename it: an archive cannot hold it',
  });
}

/** @returns false where it has vanished */
async function addEntry(
  archive: Pack,
  entry: Dirent,
  { path, target }: { path: string; target: string },
): Promise<boolean> {
  try {
    if (entry.isFile()) await addFile(archive, path, { name: target });
    else if (entry.isDirectory()) await add(archive, { name: `${target}/`, type: 'directory', mode: 0o755 });
    else if (entry.isSymbolicLink())
      await add(archive, { name: target, type: 'symlink', linkname: await readlink(path) });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    refuseOddName(path);
    return false;
  }
}

/** Adds one file as long as it is now. @throws ENOENT before anything is written */
export async function addFile(archive: Pack, path: string, header: EntryHeader): Promise<void> {
  await using file: FileHandle = await open(path);
  const { size, mode, uid, gid } = await file.stat();
  const complete = { mode: mode & 0o777, uid, gid, ...header, size };
  if (size < 2 ** 16) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    if (bytesRead < size) throw shrunk(path);
    // Awaited here: while the file is closed nobody would hear of a failure.
    return await add(archive, complete, buffer);
  }
  await pipeline(
    file.createReadStream({ start: 0, end: size - 1, autoClose: false }),
    archive.entry(complete),
  ).catch((cause: Error) => {
    throw /size/i.test(cause.message) ? shrunk(path) : cause;
  });
}

function add(archive: Pack, header: EntryHeader, data: Buffer = Buffer.alloc(0)): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (header.type === undefined) archive.entry(header, data, done);
    else archive.entry(header, done);
  });
}

const shrunk = (path: string) =>
  new TagboatError(`${path} was shortened while it was copied`, {
    reason: 'Conflict',
    hint: 'stop what writes it, and try again',
  });

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
