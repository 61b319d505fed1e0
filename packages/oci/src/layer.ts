import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Digest, digestOf } from '@tagboat/base';
import { pack } from 'tar-stream';
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
  // A process number is not enough: steps of several runs are all number 1 of their own.
  const temporary = `${path}.${randomUUID()}.tmp`;
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

/** Makes what was written durable. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
