import { randomUUID } from 'node:crypto';
import { constants, createReadStream, existsSync, rmSync, statSync, utimesSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDiskFull, syncDirectory, TagboatError, writeFileAtomic } from '@tagboat/base';
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

/** One file of the store. */
export type StoredEntry =
  | { readonly kind: 'tag'; readonly repository: string; readonly tag: string }
  | { readonly kind: 'manifest' | 'link'; readonly repository: string; readonly digest: BlobDigest }
  | { readonly kind: 'blob'; readonly digest: BlobDigest };

/** How exactly (milliseconds) it is known when something was last used: what is used often is written seldom. */
export const usedWithin = 3600_000;

/** Notes that a file is used. @returns whether it is there */
function used(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const now = Date.now();
  if (found && now - found.mtimeMs > usedWithin) utimesSync(path, now / 1000, now / 1000);
  return found !== undefined;
}

/** Only what is not there is none: what cannot be read for another reason must not look unused. */
const ifMissing =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== 'ENOENT') throw error;
    return value;
  };
const namesIn = (directory: string): Promise<string[]> => readdir(directory).catch(ifMissing([]));
const readText = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(ifMissing(undefined));

/** Milliseconds since the epoch; what is not there is as if it was changed just now. */
const changedAt = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;

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

  /** Whether the repository holds the blob; a blob of another repository is not shown. Who asks may rely on it. */
  async hasBlob(repository: string, digest: BlobDigest): Promise<number | undefined> {
    if (!used(this.#link(repository, digest))) return undefined;
    return (await stat(this.blobPath(digest)).catch(() => undefined))?.size;
  }

  readBlob(digest: BlobDigest, range?: { start: number; end: number }): Readable {
    return createReadStream(this.blobPath(digest), range);
  }

  async link(repository: string, digest: BlobDigest): Promise<void> {
    used(this.blobPath(digest));
    const path = this.#link(repository, digest);
    if (!used(path)) await writeFileAtomic(path, '');
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
      const { size } = await file.stat();
      try {
        await pipeline(data, file.createWriteStream({ flush: true }));
      } catch (error) {
        // The chunk will be sent again, and until then others need its place.
        if (isDiskFull(error)) await truncate(path, size);
        throw error;
      }
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
      used(upload);
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
    const mediaType = await readText(this.#manifest(repository, digest));
    const bytes = await readFile(this.blobPath(digest)).catch(ifMissing(undefined));
    return mediaType === undefined || bytes === undefined ? undefined : { mediaType, bytes };
  }

  async removeManifest(repository: string, digest: BlobDigest): Promise<boolean> {
    const path = this.#manifest(repository, digest);
    const found = existsSync(path);
    await rm(path, { force: true });
    for (const tag of await this.tags(repository))
      if ((await this.resolveTag(repository, tag)) === digest) await this.removeTag(repository, tag);
    return found;
  }

  /** Who asked for a manifest may rely on it: it, and the tag that it was asked by, are not collected for a time. */
  markUsed(repository: string, digest: BlobDigest, tag?: string): void {
    used(this.#manifest(repository, digest));
    if (tag !== undefined) used(this.#tag(repository, tag));
  }

  async setTag(repository: string, tag: string, digest: BlobDigest): Promise<void> {
    await writeFileAtomic(this.#tag(repository, tag), digest);
  }

  async removeTag(repository: string, tag: string): Promise<boolean> {
    const path = this.#tag(repository, tag);
    const found = existsSync(path);
    await rm(path, { force: true });
    return found;
  }

  async resolveTag(repository: string, tag: string): Promise<BlobDigest | undefined> {
    return (await readText(this.#tag(repository, tag))) as BlobDigest | undefined;
  }

  /** Sorted. */
  async tags(repository: string): Promise<string[]> {
    const names = await namesIn(join(this.#repository(repository), '_tags'));
    return names.filter((name) => !name.startsWith('.')).sort();
  }

  async manifests(repository: string): Promise<BlobDigest[]> {
    const names = await namesIn(join(this.#repository(repository), '_manifests'));
    return names.flatMap((name) => digestNamed(name) ?? []);
  }

  /** The blobs that a repository holds, manifests not among them. */
  async linked(repository: string): Promise<BlobDigest[]> {
    const names = await namesIn(join(this.#repository(repository), '_blobs'));
    return names.flatMap((name) => digestNamed(name) ?? []);
  }

  /** Everything that is stored, whether or not a repository holds it. */
  async *stored(): AsyncIterable<{ digest: BlobDigest; bytes: number }> {
    for (const algorithm of ['sha256', 'sha512'])
      for (const prefix of await namesIn(join(this.#root, algorithm)))
        for (const name of await namesIn(join(this.#root, algorithm, prefix))) {
          const digest = digestNamed(name);
          const found = digest && (await stat(this.blobPath(digest)).catch(() => undefined));
          if (digest && found) yield { digest, bytes: found.size };
        }
  }

  /** When a manifest, or a tag, was last written or asked for, in milliseconds since the epoch. */
  lastUsed(repository: string, what: { readonly digest: BlobDigest } | { readonly tag: string }): number {
    return changedAt(
      'tag' in what ? this.#tag(repository, what.tag) : this.#manifest(repository, what.digest),
    );
  }

  /**
   * Removes one entry unless it was used since `before` (milliseconds): looked at and removed in one turn, so that nobody
   * can come to rely on it in between. A blob's bytes are meant where no repository is named.
   */
  removeUnused(entry: StoredEntry, before: number): boolean {
    const path = this.#entry(entry);
    if (changedAt(path) >= before) return false;
    rmSync(path, { force: true });
    return true;
  }

  #entry(entry: StoredEntry): string {
    if (entry.kind === 'tag') return this.#tag(entry.repository, entry.tag);
    if (entry.kind === 'manifest') return this.#manifest(entry.repository, entry.digest);
    return entry.kind === 'link' ? this.#link(entry.repository, entry.digest) : this.blobPath(entry.digest);
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

  /** The names of all repositories, sorted; or of those too that hold no manifest yet. */
  async repositories({ begun = false } = {}): Promise<string[]> {
    const names: string[] = [];
    const visit = async (relative: string) => {
      const entries = await readdir(join(this.#root, 'repositories', relative), {
        withFileTypes: true,
      }).catch(ifMissing([]));
      const isHere = (name: string) => name === '_manifests' || (begun && name === '_blobs');
      if (entries.some(({ name }) => isHere(name))) names.push(relative);
      for (const entry of entries)
        if (entry.isDirectory() && !entry.name.startsWith('_')) await visit(join(relative, entry.name));
    };
    await visit('');
    return names.sort();
  }

  #repository(repository: string): string {
    return join(this.#root, 'repositories', repository);
  }

  #tag(repository: string, tag: string): string {
    return join(this.#repository(repository), '_tags', tag);
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
