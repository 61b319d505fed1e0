import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { type Digest, digestOf, invalid, safeJoin, TagboatError } from '@tagboat/base';
import { extract, pack } from 'tar-stream';
import { type Descriptor, mediaTypes } from './types.ts';

/** One entry of a layer. Paths are relative, without `./`. */
export type LayerEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly source: string | Uint8Array;
      readonly executable?: boolean;
    };

export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the tar before compression. */
  readonly diffId: Digest;
  /** The compressed file. */
  readonly path: string;
}

/**
 * Writes a layer whose bytes depend on names and contents alone: sorted, times zero, owner root, modes 755 and 644,
 * parents included. Group permissions equal the owner's, as images that run under any UID with group 0 need.
 */
export async function writeLayer(entries: readonly LayerEntry[], path: string): Promise<Layer> {
  const archive = pack();
  const diff = createHash('sha256');
  const whole = createHash('sha256');
  let size = 0;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const writing = pipeline(
    archive,
    tap((chunk) => diff.update(chunk)),
    createGzip({ level: 4 }),
    tap((chunk) => {
      whole.update(chunk);
      size += chunk.length;
    }),
    createWriteStream(temporary, { flush: true }),
  );
  try {
    await Promise.all([writing, addEntries(archive, entries)]);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return {
    descriptor: { mediaType: mediaTypes.layer, digest: digestOf(whole), size },
    diffId: digestOf(diff),
    path,
  };
}

async function addEntries(archive: ReturnType<typeof pack>, entries: readonly LayerEntry[]): Promise<void> {
  const epoch = new Date(0);
  const common = { mtime: epoch, uid: 0, gid: 0, uname: '', gname: '' };
  const add = (header: object, data?: Uint8Array) =>
    new Promise<void>((done, fail) => {
      const finish = (error?: Error | null) => (error ? fail(error) : done());
      if (data) archive.entry(header as never, Buffer.from(data), finish);
      else archive.entry(header as never, finish);
    });
  for (const entry of withParents(entries)) {
    if (entry.kind === 'directory')
      await add({ ...common, name: `${entry.path}/`, type: 'directory', mode: entry.mode ?? 0o755 });
    else if (entry.kind === 'link')
      await add({
        ...common,
        name: entry.path,
        type: 'symlink',
        linkname: entry.target,
        mode: 0o777,
        size: 0,
      });
    else {
      const header = { ...common, name: entry.path, type: 'file', mode: entry.executable ? 0o755 : 0o644 };
      if (typeof entry.source !== 'string') await add({ ...header, size: entry.source.length }, entry.source);
      else {
        const { size } = await lstat(entry.source);
        await new Promise<void>((done, fail) => {
          const sink = archive.entry({ ...header, size } as never, (error?: Error | null) =>
            error ? fail(error) : done(),
          );
          createReadStream(entry.source as string)
            .on('error', fail)
            .pipe(sink as never);
        });
      }
    }
  }
  archive.finalize();
}

function withParents(entries: readonly LayerEntry[]): LayerEntry[] {
  const all = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let length = 1; length < parts.length; length++) {
      const path = parts.slice(0, length).join('/');
      if (!all.has(path)) all.set(path, { kind: 'directory', path });
    }
    all.set(entry.path, entry);
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function tap(see: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      see(chunk);
      done(null, chunk);
    },
  });
}

/** The entries of a directory tree, at `target` in the image; `keep` says which relative paths belong. */
export async function directoryEntries(
  source: string,
  target: string,
  keep: (path: string, isDirectory: boolean) => boolean = () => true,
): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  const visit = async (relative: string) => {
    for (const item of await readdir(join(source, relative), { withFileTypes: true })) {
      const path = relative === '' ? item.name : `${relative}/${item.name}`;
      if (!keep(path, item.isDirectory())) continue;
      const place = target === '' ? path : `${target}/${path}`;
      if (item.isSymbolicLink())
        entries.push({ kind: 'link', path: place, target: await readlink(join(source, path)) });
      else if (item.isDirectory()) {
        entries.push({ kind: 'directory', path: place });
        await visit(path);
      } else if (item.isFile()) {
        const { mode } = await lstat(join(source, path));
        entries.push({
          kind: 'file',
          path: place,
          source: join(source, path),
          executable: (mode & 0o100) !== 0,
        });
      }
    }
  };
  await visit('');
  return entries;
}

export interface UnpackLimits {
  /** Bytes of all files together. */
  readonly size: number;
  readonly entries: number;
}

const defaultLimits: UnpackLimits = { size: 40 * 2 ** 30, entries: 2_000_000 };

/**
 * Applies a layer onto a directory (OCI image spec, layer.md: whiteouts included). Nothing is written outside it,
 * whatever the archive holds.
 * @throws `Invalid`, `TooLarge`
 */
export async function unpackLayer(stream: Readable, root: string, limits = defaultLimits): Promise<void> {
  const archive = extract();
  let left = limits.size;
  let entries = 0;
  const reading = pipeline(stream, createGunzip(), archive);
  const applying = (async () => {
    for await (const entry of archive) {
      const { header } = entry;
      left -= header.size ?? 0;
      if (left < 0 || ++entries > limits.entries)
        throw new TagboatError('the image is too large to unpack', { reason: 'TooLarge' });
      const name = header.name.replace(/^\.?\/+/, '').replace(/\/+$/, '');
      if (name !== '' && name !== '.') await place(root, name, entry as never);
      entry.resume();
    }
  })();
  await Promise.all([reading, applying]);
}

interface TarEntry extends Readable {
  header: { name: string; type?: string | null; linkname?: string | null; mode?: number };
}

async function place(root: string, name: string, entry: TarEntry): Promise<void> {
  const path = safeJoin(root, name);
  await refuseLinks(root, name);
  const file = basename(name);
  if (file === '.wh..wh..opq') {
    for (const child of await readdir(dirname(path)).catch(() => []))
      await rm(join(dirname(path), child), { recursive: true, force: true });
    return;
  }
  if (file.startsWith('.wh.')) {
    await rm(join(dirname(path), file.slice(4)), { recursive: true, force: true });
    return;
  }
  const { type, linkname, mode = 0o644 } = entry.header;
  if (type === 'directory') {
    const before = await lstat(path).catch(() => undefined);
    if (before && !before.isDirectory()) await rm(path, { force: true });
    await mkdir(path, { recursive: true });
    await chmod(path, mode | 0o700);
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { recursive: true, force: true });
  if (type === 'symlink') await symlink(linkname ?? '', path);
  else if (type === 'link') {
    const target = safeJoin(root, (linkname ?? '').replace(/^\/+/, ''));
    await refuseLinks(root, linkname ?? '');
    const { link } = await import('node:fs/promises');
    await link(target, path);
  } else if (type === 'file' || type === 'contiguous-file') {
    await pipeline(entry, createWriteStream(path, { mode: mode | 0o600 }));
    await chmod(path, (mode & 0o777) | 0o600);
  }
}

/** A directory on the way that is a symbolic link could lead outside. */
async function refuseLinks(root: string, name: string): Promise<void> {
  const parts = name.replace(/^\/+/, '').split('/').slice(0, -1);
  let path = resolve(root);
  for (const part of parts) {
    path = `${path}${sep}${part}`;
    const found = await lstat(path).catch(() => undefined);
    if (!found) return;
    if (!found.isSymbolicLink()) continue;
    const target = resolve('/', dirname(path.slice(resolve(root).length)), await readlink(path));
    const inside = join(resolve(root), target);
    if (!(await lstat(inside).catch(() => undefined))?.isDirectory())
      throw invalid(`the archive writes through the link ${part}, which leads nowhere inside it: ${name}`);
    throw invalid(`the archive writes through the link ${part}: ${name}`);
  }
}

/** Makes what was written durable. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
