import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Digest, digestOf, invalid, isDigest, sha256, TagboatError } from '@tagboat/base';
import { type Answer, ask, type BlobSource, type Question } from './ask.ts';
import { type Descriptor, type ImageIndex, type ImageManifest, mediaTypes } from './types.ts';

export interface RegistryAccess {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

export interface FetchedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export type { BlobSource } from './ask.ts';

const manifestTypes = [
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerIndex,
].join(', ');

const uploadsAtOnce = 4;
/** Bytes up to which a blob is sent with the question for an upload, which a registry may leave unread. */
const singlePost = 1 << 20;

/** A client of one OCI registry (distribution spec 1.1). Everything read is verified against its digest. */
export class RegistryClient {
  readonly host: string;
  readonly #access: RegistryAccess;
  readonly #tokens = new Map<string, string>();

  constructor(access: RegistryAccess) {
    this.#access = { ...access, url: access.url.replace(/\/+$/, '') };
    this.host = new URL(access.url).host;
  }

  /** @returns undefined where there is none */
  async getManifest(repository: string, reference: string): Promise<FetchedManifest | undefined> {
    const response = await this.#request(`${repository}/manifests/${reference}`, {
      headers: { accept: manifestTypes },
    });
    if (response.status === 404) {
      response.drop();
      return undefined;
    }
    await this.#check(response, `read ${repository}:${reference}`);
    const bytes = await response.bytes();
    const digest = sha256(bytes);
    if (reference.startsWith('sha256:') && digest !== reference)
      throw new TagboatError(`the registry answered ${digest} for ${repository}@${reference}`, {
        reason: 'DigestMismatch',
      });
    return {
      digest,
      mediaType: response.header('content-type')?.split(';')[0] ?? mediaTypes.manifest,
      bytes,
    };
  }

  async putManifest(
    repository: string,
    reference: string,
    manifest: { bytes: Uint8Array; mediaType: string },
  ): Promise<Digest> {
    const response = await this.#request(`${repository}/manifests/${reference}`, {
      method: 'PUT',
      headers: { 'content-type': manifest.mediaType },
      body: { bytes: manifest.bytes, size: manifest.bytes.length },
    });
    await this.#check(response, `write ${repository}:${reference}`);
    response.drop();
    return sha256(manifest.bytes);
  }

  async hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const response = await this.#request(`${repository}/blobs/${digest}`, { method: 'HEAD' });
    response.drop();
    if (response.status === 404) return false;
    await this.#check(response, `look for a blob of ${repository}`);
    return true;
  }

  /** Uploads a blob unless it is there. */
  async putBlob(
    repository: string,
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    source: BlobSource,
  ): Promise<void> {
    if (await this.hasBlob(repository, descriptor.digest)) return;
    const { digest, size } = descriptor;
    const content = {
      headers: { 'content-type': 'application/octet-stream' },
      body: { ...source, size },
    } as const;
    const place = `${repository}/blobs/uploads/`;
    if (size <= singlePost) {
      const sent = await this.#request(`${place}?digest=${digest}`, { method: 'POST', ...content });
      sent.drop();
      if (sent.status === 201) return;
    }
    const started = await this.#request(place, { method: 'POST' });
    await this.#check(started, `start an upload to ${repository}`);
    started.drop();
    const location = new URL(started.header('location') ?? '', `${this.#access.url}/`);
    location.searchParams.set('digest', digest);
    const response = await this.#request(location.href, { method: 'PUT', ...content });
    await this.#check(response, `upload a blob to ${repository}`);
    response.drop();
  }

  /** Uploads blobs that are not there, some at a time. */
  async putBlobs(
    repository: string,
    blobs: readonly {
      readonly descriptor: Pick<Descriptor, 'digest' | 'size'>;
      readonly source: BlobSource;
    }[],
  ): Promise<void> {
    const left = blobs.values();
    const upload = async () => {
      for (const { descriptor, source } of left) await this.putBlob(repository, descriptor, source);
    };
    await Promise.all(Array.from({ length: uploadsAtOnce }, upload));
  }

  /** The bytes of a small blob. @throws `NotFound`, `DigestMismatch`, `TooLarge` */
  async getBlob(repository: string, digest: Digest): Promise<Uint8Array> {
    const response = await this.#request(`${repository}/blobs/${digest}`, {});
    await this.#check(response, `read a blob of ${repository}`);
    const bytes = await response.bytes();
    if (sha256(bytes) !== digest) throw mismatch(repository, digest);
    return bytes;
  }

  /** Downloads a blob into a file that appears whole and verified, or not at all. */
  async downloadBlob(repository: string, digest: Digest, path: string): Promise<void> {
    const response = await this.#request(`${repository}/blobs/${digest}`, {});
    await this.#check(response, `read a blob of ${repository}`);
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    const hash = createHash('sha256');
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    try {
      await pipeline(response.stream(), measure, createWriteStream(temporary, { flush: true }));
      if (digestOf(hash) !== digest) throw mismatch(repository, digest);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async tags(repository: string): Promise<string[]> {
    const response = await this.#request(`${repository}/tags/list`, {});
    if (response.status === 404) {
      response.drop();
      return [];
    }
    await this.#check(response, `list the tags of ${repository}`);
    return (JSON.parse((await response.bytes()).toString()) as { tags?: string[] | null }).tags ?? [];
  }

  async #request(path: string, question: Question): Promise<Answer> {
    const url = path.startsWith('http') ? path : `${this.#access.url}/v2/${path}`;
    const scope = /\/v2\/(.+?)\/(?:manifests|blobs|tags)\//.exec(url)?.[1] ?? '';
    const first = await this.#send(url, question, scope);
    if (first.status !== 401 || !(await this.#authenticate(first, scope))) return first;
    first.drop();
    return this.#send(url, question, scope);
  }

  async #send(url: string, question: Question, scope: string): Promise<Answer> {
    // An upload may go on at another host, which is not who the login is for.
    const isOwn = new URL(url).origin === new URL(this.#access.url).origin;
    const authorization = isOwn ? (this.#tokens.get(scope) ?? this.#basic) : undefined;
    const headers = { ...question.headers, ...(authorization ? { authorization } : {}) };
    try {
      return await ask(url, { ...question, headers });
    } catch (cause) {
      const error = cause as NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException };
      throw new TagboatError(
        `the registry ${this.host} cannot be reached: ${error.cause?.code ?? error.code ?? error.message}`,
        { reason: 'Unavailable', cause },
      );
    }
  }

  get #basic(): string | undefined {
    const { username, password } = this.#access;
    if (password === undefined) return undefined;
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  /** Token authentication (distribution spec, token flow). @returns whether there is something new to try */
  async #authenticate(response: Answer, scope: string): Promise<boolean> {
    const challenge = response.header('www-authenticate') ?? '';
    if (!/^bearer/i.test(challenge)) return false;
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
    );
    const url = URL.parse(fields.realm ?? '');
    if (!url) return false;
    if (fields.service) url.searchParams.set('service', fields.service);
    url.searchParams.set('scope', fields.scope ?? `repository:${scope}:pull,push`);
    const authorization = this.#basic;
    const answer = await ask(url.href, authorization ? { headers: { authorization } } : {});
    if (!answer.ok) {
      answer.drop();
      return false;
    }
    const { token, access_token } = JSON.parse((await answer.bytes()).toString()) as Record<string, string>;
    this.#tokens.set(scope, `Bearer ${token ?? access_token}`);
    return true;
  }

  async #check(response: Answer, what: string): Promise<void> {
    if (response.ok) return;
    const body = (await response.bytes()).toString().slice(0, 500);
    const reason =
      response.status === 401
        ? 'Unauthorized'
        : response.status === 403
          ? 'Forbidden'
          : response.status === 404
            ? 'NotFound'
            : 'RegistryError';
    throw new TagboatError(`cannot ${what}: the registry ${this.host} answered ${response.status} ${body}`, {
      reason,
      hint: response.status === 401 ? 'check the registry credentials' : undefined,
    });
  }
}

function mismatch(repository: string, digest: Digest): TagboatError {
  return new TagboatError(`a blob of ${repository} does not match its digest ${digest}`, {
    reason: 'DigestMismatch',
  });
}

/** Parses a manifest's JSON; what it names has digests, which become names of files. @throws `Invalid` */
export function parseManifest<T>({ bytes, digest }: FetchedManifest): T {
  let manifest: Partial<ImageManifest & ImageIndex> | null;
  try {
    manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as typeof manifest;
  } catch {
    throw invalid(`the manifest ${digest} is no JSON`);
  }
  const parts = [manifest?.config ?? [], manifest?.layers ?? [], manifest?.manifests ?? []].flat();
  for (const part of parts as readonly Partial<Descriptor | null>[])
    if (!isDigest(String(part?.digest)))
      throw invalid(
        `the manifest ${digest} names "${String(part?.digest).slice(0, 100)}", which is no digest`,
      );
  return manifest as T;
}
