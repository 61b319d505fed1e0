import { createWriteStream } from 'node:fs';
import { chmod, link, lstat, mkdir, open, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { invalid, safeJoin, TagboatError } from '@tagboat/base';
import { extract } from 'tar-stream';

export interface UnpackLimits {
  /** Bytes of all files together. */
  readonly size: number;
  readonly entries: number;
}

const defaultLimits: UnpackLimits = { size: 40 * 2 ** 30, entries: 2_000_000 };
/** Files up to this size are written while the archive is read on. */
const smallFile = 4 << 20;
const atOnce = 8;

export interface Unpacked {
  /** Whether the layer takes files of lower layers away, so that it means nothing by itself. */
  readonly whiteouts: boolean;
}

/**
 * Applies a layer onto a directory (OCI image spec, layer.md: whiteouts included). Nothing is written outside it,
 * whatever the archive holds.
 * @throws `Invalid`, `TooLarge`
 */
export async function unpackLayer(stream: Readable, root: string, limits = defaultLimits): Promise<Unpacked> {
  await mkdir(root, { recursive: true });
  const archive = extract();
  const unpacker = new Unpacker(root);
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
      if (name !== '' && name !== '.') await unpacker.place(name, entry as never);
      entry.resume();
    }
    await unpacker.settle();
  })();
  await Promise.all([reading, applying]);
  return { whiteouts: unpacker.whiteouts };
}

interface TarEntry extends Readable {
  header: { name: string; type?: string | null; linkname?: string | null; mode?: number; size?: number };
}

class Unpacker {
  whiteouts = false;
  readonly #root: string;
  /** Real directories below the root, none of them reached through a link. */
  readonly #directories = new Set<string>();
  readonly #writing = new Map<string, Promise<void>>();
  #failed: unknown;

  constructor(root: string) {
    this.#root = resolve(root);
    this.#directories.add(this.#root);
  }

  /** Waits for files that are still being written. */
  async settle(): Promise<void> {
    await Promise.all(this.#writing.values());
    if (this.#failed !== undefined) throw this.#failed;
  }

  async place(name: string, entry: TarEntry): Promise<void> {
    const path = safeJoin(this.#root, name);
    const { type } = entry.header;
    if (path === this.#root) return;
    if (basename(name).startsWith('.wh.')) return this.#whiteout(path);
    if (type === 'directory') return this.#directory(path, entry.header.mode ?? 0o755);
    await this.#parents(dirname(path), name);
    if (type === 'file' || type === 'contiguous-file') return this.#file(path, entry);
    await this.settle();
    if (type === 'symlink' || type === 'link') await this.#remove(path);
    if (type === 'symlink') await symlink(entry.header.linkname ?? '', path);
    if (type === 'link') {
      const to = (entry.header.linkname ?? '').replace(/^\/+/, '');
      const target = safeJoin(this.#root, to);
      await this.#parents(dirname(target), to);
      await link(target, path);
    }
  }

  async #whiteout(path: string): Promise<void> {
    this.whiteouts = true;
    await this.settle();
    const directory = dirname(path);
    await this.#parents(directory, path);
    const gone = basename(path).slice(4);
    if (gone === '' || gone === '.' || gone === '..')
      throw invalid(`the archive takes "${gone}" away, which is the name of no file`);
    if (basename(path) !== '.wh..wh..opq') return this.#remove(join(directory, gone));
    for (const child of await readdir(directory).catch(() => [])) await this.#remove(join(directory, child));
  }

  async #directory(path: string, mode: number): Promise<void> {
    await this.#parents(dirname(path), path);
    if (!this.#directories.has(path)) {
      await this.settle();
      const before = await lstat(path).catch(() => undefined);
      if (before && !before.isDirectory()) await rm(path, { force: true });
      if (!before?.isDirectory()) await mkdir(path);
      this.#directories.add(path);
    }
    await chmod(path, mode | 0o700);
  }

  async #file(path: string, entry: TarEntry): Promise<void> {
    if (this.#writing.has(path)) await this.settle();
    const mode = ((entry.header.mode ?? 0o644) & 0o777) | 0o600;
    if ((entry.header.size ?? 0) > smallFile) {
      await this.#remove(path);
      await pipeline(entry, createWriteStream(path, { flags: 'wx', mode }));
      await chmod(path, mode);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    while (this.#writing.size >= atOnce) await Promise.race(this.#writing.values());
    if (this.#failed !== undefined) throw this.#failed;
    const writing = this.#write(path, Buffer.concat(chunks), mode)
      .catch((error: unknown) => {
        this.#failed ??= error;
      })
      .finally(() => this.#writing.delete(path));
    this.#writing.set(path, writing);
  }

  /** Never through what is there: a link of that name is replaced, not followed. */
  async #write(path: string, data: Buffer, mode: number): Promise<void> {
    const handle = await open(path, 'wx', mode).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      await this.#remove(path);
      return open(path, 'wx', mode);
    });
    try {
      await handle.writeFile(data);
      if ((mode & process.umask()) !== 0) await handle.chmod(mode);
    } finally {
      await handle.close();
    }
  }

  async #remove(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
    for (const known of this.#directories)
      if (known === path || known.startsWith(`${path}${sep}`)) this.#directories.delete(known);
  }

  /** Makes the directories on the way. One that is a symbolic link could lead outside. */
  async #parents(directory: string, name: string): Promise<void> {
    if (this.#directories.has(directory)) return;
    await this.#parents(dirname(directory), name);
    const found = await lstat(directory).catch(() => undefined);
    if (found?.isSymbolicLink())
      throw invalid(
        `the archive writes through the link ${basename(directory)} (${await readlink(directory)}): ${name}`,
      );
    if (found && !found.isDirectory()) await rm(directory);
    if (!found?.isDirectory()) await mkdir(directory);
    this.#directories.add(directory);
  }
}
