import { randomUUID } from 'node:crypto';
import { constants, createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { syncDirectory, TagboatError, writeFileAtomic } from '@tagboat/base';
import { algorithmOf, type BlobDigest, digestNamed, finished, hashFor, hexOfBlob } from './digest.ts';

/** An error of the distribution spec ("Error Codes"). */
export class DistributionError extends TagboatError {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message, { reason: code, retryable: false });
    this.status = status;
    this.code = code;
  }
}

export const noUpload = () => new DistributionError(404, 'BLOB_UPLOAD_UNKNOWN', 'there is no such upload');

const busyUpload = () =>
  new DistributionError(
    409,
    'BLOB_UPLOAD_INVALID',
    'another request writes to this upload: wait for its end',
  );

/**
 * Blobs, manifests and tags below one directory. What is acknowledged is on disk: written under a temporary name,
 * verified against its digest, synced, renamed.
 */
export class BlobStore {
  readonly #root: string;
  /** Uploads that a request works on: what was held against its digest must not be written to any more. */
  readonly #busy = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  blobPath(digest: BlobDigest): string {
    const hex = hexOfBlob(digest);
    return join(this.#root, algorithmOf(digest), hex.slice(0, 2), hex);
  }

  /** Whether the repository holds the blob; a blob of another repository is not shown. */
  async hasBlob(repository: string, digest: BlobDigest): Promise<number | undefined> {
    if (!existsSync(this.#link(repository, digest))) return undefined;
    return (await stat(this.blobPath(digest)).catch(() => undefined))?.size;
  }

  readBlob(digest: BlobDigest, range?: { start: number; end: number }): Readable {
    return createReadStream(this.blobPath(digest), range);
  }

  async link(repository: string, digest: BlobDigest): Promise<void> {
    const path = this.#link(repository, digest);
    if (!existsSync(path)) await writeFileAtomic(path, '');
  }

  async unlink(repository: string, digest: BlobDigest): Promise<boolean> {
    const path = this.#link(repository, digest);
    const found = existsSync(path);
    await rm(path, { force: true });
    return found;
  }

  /** Starts an upload. @returns its id */
  async startUpload(): Promise<string> {
    const id = randomUUID();
    await mkdir(join(this.#root, 'uploads'), { recursive: true });
    await (await open(this.#upload(id), 'wx')).close();
    return id;
  }

  /** Bytes that an upload has; undefined where there is no such upload. */
  async uploadSize(id: string): Promise<number | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    return (await stat(this.#upload(id)).catch(() => undefined))?.size;
  }

  async append(id: string, data: Readable): Promise<number> {
    return this.#alone(id, async (path) => {
      // Not made where it is missing: it has been ended meanwhile.
      const file = await open(path, constants.O_WRONLY | constants.O_APPEND);
      await pipeline(data, file.createWriteStream({ flush: true }));
      return (await stat(path)).size;
    });
  }

  async cancelUpload(id: string): Promise<void> {
    await this.#alone(id, (path) => rm(path, { force: true }));
  }

  /** Removes what was begun and not written to since a time in milliseconds: its client will not come back. */
  async removeAbandoned(before: number): Promise<void> {
    const uploads = join(this.#root, 'uploads');
    for (const name of await readdir(uploads).catch(() => [])) {
      const found = await stat(join(uploads, name)).catch(() => undefined);
      if (found && found.mtimeMs < before) await rm(join(uploads, name), { force: true });
    }
  }

  /** Ends an upload. @throws `DIGEST_INVALID` when its bytes are others */
  async finishUpload(repository: string, id: string, digest: BlobDigest): Promise<void> {
    await this.#alone(id, async (upload) => {
      const hash = hashFor(digest);
      for await (const chunk of createReadStream(upload)) hash.update(chunk as Buffer);
      const found = finished(hash, digest);
      if (found !== digest) {
        await rm(upload, { force: true });
        throw new DistributionError(
          400,
          'DIGEST_INVALID',
          `expected the digest ${digest}, the upload has ${found}`,
        );
      }
      const path = this.blobPath(digest);
      await mkdir(dirname(path), { recursive: true });
      await rename(upload, path);
      await syncDirectory(dirname(path));
    });
    await this.link(repository, digest);
  }

  async putManifest(
    repository: string,
    digest: BlobDigest,
    manifest: { bytes: Uint8Array; mediaType: string },
  ): Promise<void> {
    await writeFileAtomic(this.blobPath(digest), manifest.bytes);
    await writeFileAtomic(this.#manifest(repository, digest), manifest.mediaType);
  }

  async manifest(
    repository: string,
    digest: BlobDigest,
  ): Promise<{ bytes: Buffer; mediaType: string } | undefined> {
    const mediaType = await readFile(this.#manifest(repository, digest), 'utf8').catch(() => undefined);
    return mediaType === undefined ? undefined : { mediaType, bytes: await readFile(this.blobPath(digest)) };
  }

  async removeManifest(repository: string, digest: BlobDigest): Promise<boolean> {
    const path = this.#manifest(repository, digest);
    const found = existsSync(path);
    await rm(path, { force: true });
    for (const tag of await this.tags(repository))
      if ((await this.resolveTag(repository, tag)) === digest) await this.removeTag(repository, tag);
    return found;
  }

  async setTag(repository: string, tag: string, digest: BlobDigest): Promise<void> {
    await writeFileAtomic(join(this.#repository(repository), '_tags', tag), digest);
  }

  async removeTag(repository: string, tag: string): Promise<boolean> {
    const path = join(this.#repository(repository), '_tags', tag);
    const found = existsSync(path);
    await rm(path, { force: true });
    return found;
  }

  async resolveTag(repository: string, tag: string): Promise<BlobDigest | undefined> {
    const text = await readFile(join(this.#repository(repository), '_tags', tag), 'utf8').catch(
      () => undefined,
    );
    return text as BlobDigest | undefined;
  }

  /** Sorted. */
  async tags(repository: string): Promise<string[]> {
    const names = await readdir(join(this.#repository(repository), '_tags')).catch(() => []);
    return names.filter((name) => !name.startsWith('.')).sort();
  }

  async manifests(repository: string): Promise<BlobDigest[]> {
    const names = await readdir(join(this.#repository(repository), '_manifests')).catch(() => []);
    return names.flatMap((name) => digestNamed(name) ?? []);
  }

  /** Whether anything was ever pushed under this very name; others may begin with it. */
  exists(repository: string): boolean {
    return ['_manifests', '_blobs'].some((part) => existsSync(join(this.#repository(repository), part)));
  }

  /** Works on an upload that nobody else works on. @throws `BLOB_UPLOAD_INVALID`, `BLOB_UPLOAD_UNKNOWN` */
  async #alone<T>(id: string, work: (path: string) => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw busyUpload();
    this.#busy.add(id);
    try {
      return await work(this.#upload(id));
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? noUpload() : error;
    } finally {
      this.#busy.delete(id);
    }
  }

  /** The names of all repositories, sorted. */
  async repositories(): Promise<string[]> {
    const names: string[] = [];
    const visit = async (relative: string) => {
      const entries = await readdir(join(this.#root, 'repositories', relative), {
        withFileTypes: true,
      }).catch(() => []);
      if (entries.some(({ name }) => name === '_manifests')) names.push(relative);
      for (const entry of entries)
        if (entry.isDirectory() && !entry.name.startsWith('_')) await visit(join(relative, entry.name));
    };
    await visit('');
    return names.sort();
  }

  #repository(repository: string): string {
    return join(this.#root, 'repositories', repository);
  }

  #manifest(repository: string, digest: BlobDigest): string {
    return join(this.#repository(repository), '_manifests', hexOfBlob(digest));
  }

  #link(repository: string, digest: BlobDigest): string {
    return join(this.#repository(repository), '_blobs', hexOfBlob(digest));
  }

  #upload(id: string): string {
    return join(this.#root, 'uploads', id);
  }
}
