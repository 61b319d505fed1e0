import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, chown, mkdir, mkdtemp, open, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Clock, invalid, isReason, TagboatError, timestamp } from '@tagboat/base';
import { openDiskStore } from '@tagboat/store';
import { extract, type Header } from 'tar-stream';
import { contentParts, manifestName, storeEntry } from './backup.ts';

export interface RestoreOptions {
  readonly home: string;
  readonly archive: string;
  /** Replaces what is there; it is kept beside, under another name. */
  readonly force: boolean;
  readonly clock: Clock;
}

export interface Restored {
  readonly createdAt: string;
  readonly revision: string;
  /** Where the state that was there before is now. */
  readonly kept: readonly string[];
}

/**
 * Puts what a backup holds in place. Everything is unpacked and checked beside first; what was there
 * is moved away, not deleted.
 * @throws `Invalid` for a file that is no backup, `Corrupt`, `AlreadyExists` without `force`, `Locked` while a Tagboat runs
 */
export async function restore({ home, archive, force, clock }: RestoreOptions): Promise<Restored> {
  const stored = join(home, 'store', 'store.sqlite');
  const there = await exists(stored);
  if (there && !force)
    throw new TagboatError(`there is a store in ${home} already`, {
      reason: 'AlreadyExists',
      hint: 'restore to another TAGBOAT_HOME, or say --force: what is there is kept under another name',
    });
  if (there) await refuseWhileRunning(home);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(home, '.restore-'));
  try {
    await unpack(archive, directory);
    const manifest = await readManifest(directory, archive);
    await check(directory);
    const suffix = `before-${timestamp(clock).replace(/[-:]/g, '')}`;
    const kept: string[] = [];
    for (const part of ['store', 'config', ...contentParts]) {
      if (!(await exists(join(directory, part)))) continue;
      const target = join(home, part);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      if (await exists(target)) {
        await rename(target, `${target}.${suffix}`);
        kept.push(`${target}.${suffix}`);
      }
      await rename(join(directory, part), target);
    }
    return { ...manifest, kept };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** A store that cannot be opened for another reason is no reason against a backup. @throws `Locked` */
async function refuseWhileRunning(home: string): Promise<void> {
  const about = { directory: join(home, 'store'), keyFile: join(home, 'config', 'store-key') };
  const store = await openDiskStore(about).catch((error: unknown) => {
    if (isReason(error, 'Locked')) throw error;
  });
  await store?.[Symbol.asyncDispose]();
}

/** What ends a tar archive (POSIX ustar): one that broke off between two files would look whole without it. */
const endOfArchive = 1024;

/** @throws `Invalid` for an archive that has no end */
async function refuseHalf(archive: string): Promise<void> {
  await using file = await open(archive);
  const { size } = await file.stat();
  const end = Buffer.alloc(Math.min(size, endOfArchive));
  await file.read(end, 0, end.length, size - end.length);
  if (size < endOfArchive || end.some((byte) => byte !== 0))
    throw invalid(`${archive} broke off: it is not the whole of a backup`);
}

async function unpack(archive: string, directory: string): Promise<void> {
  await refuseHalf(archive);
  const entries = extract();
  // Made when all files are there, so that none is written through one.
  const links: { target: string; to: string }[] = [];
  entries.on('entry', (header, stream, next) => {
    // The same error ends the archive, where it is told.
    stream.on('error', () => undefined);
    const path = normalize(header.name).replace(/\/$/, '');
    if (!belongs(path, header)) {
      next(invalid(`${archive} holds "${header.name.slice(0, 100)}", which no backup has`));
      return;
    }
    const target = join(directory, path);
    if (header.type === 'symlink') links.push({ target, to: header.linkname ?? '' });
    const written =
      header.type === 'file'
        ? writeEntry(target, header, stream as unknown as Entry)
        : makeDirectory(target, header, stream as unknown as Entry);
    written.then(() => next(), next);
  });
  try {
    await pipeline(createReadStream(archive), entries);
    for (const { target, to } of links) await symlink(to, target);
  } catch (cause) {
    if (cause instanceof TagboatError) throw cause;
    throw invalid(`${archive} cannot be read as a backup: ${(cause as Error).message}`);
  }
}

/** The content of one file of the archive. */
type Entry = AsyncIterable<Uint8Array> & NodeJS.ReadableStream;

const parts = ['config', ...contentParts];

function belongs(path: string, { type }: Header): boolean {
  if (path.split('/').includes('..')) return false;
  if (path === manifestName || path === storeEntry) return type === 'file';
  const below = parts.some((part) => path === part || path.startsWith(`${part}/`));
  return below && ['file', 'directory', 'symlink'].includes(type ?? 'file');
}

async function writeEntry(target: string, header: Header, stream: Entry): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await pipeline(stream, createWriteStream(target, { mode: 0o600, flags: 'wx' }));
  await chmod(target, header.mode ?? 0o600);
  if (process.getuid?.() === 0) await chown(target, header.uid ?? 0, header.gid ?? 0);
}

async function makeDirectory(target: string, { type, mode }: Header, stream: Entry): Promise<void> {
  stream.resume();
  if (type === 'directory') await mkdir(target, { recursive: true, mode: mode ?? 0o755 });
  else await mkdir(dirname(target), { recursive: true });
}

async function readManifest(
  directory: string,
  archive: string,
): Promise<{ createdAt: string; revision: string }> {
  const text = await readFile(join(directory, manifestName), 'utf8').catch(() => undefined);
  if (text === undefined) throw invalid(`${archive} is no backup of Tagboat: it has no ${manifestName}`);
  const manifest = JSON.parse(text) as { version: number; createdAt: string; revision: string };
  if (manifest.version !== 1 && manifest.version !== 2)
    throw invalid(`${archive} was written by a newer Tagboat (format ${manifest.version}; this one knows 2)`);
  return manifest;
}

/** Opens the unpacked store with its key, which reads and decrypts everything. @throws `Corrupt` */
async function check(directory: string): Promise<void> {
  const store = await openDiskStore({
    directory: join(directory, 'store'),
    keyFile: join(directory, 'config', 'store-key'),
  });
  const problems = await store.check();
  await store[Symbol.asyncDispose]();
  if (problems.length > 0)
    throw new TagboatError(`the store in the backup is damaged: ${problems[0]}`, { reason: 'Corrupt' });
}
