import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Digest, digestOf, invalid, isDigest, sha256, TagboatError } from '@tagboat/base';
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

/** Where the bytes of a blob are: in memory or in a file. */
export type BlobSource = { readonly bytes: Uint8Array } | { readonly path: string };

const manifestTypes = [
  mediaTypes.manifest,
  mediaTypes.index,
  mediaTypes.dockerManifest,
  mediaTypes.dockerIndex,
].join(', ');

const uploadsAtOnce = 4;

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
      // Else its connection is held until the answer is collected.
      await response.body?.cancel();
      return undefined;
    }
    await this.#check(response, `read ${repository}:${reference}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const digest = sha256(bytes);
    if (reference.startsWith('sha256:') && digest !== reference)
      throw new TagboatError(`the registry answered ${digest} for ${repository}@${reference}`, {
        reason: 'DigestMismatch',
      });
    return {
      digest,
      mediaType: response.headers.get('content-type')?.split(';')[0] ?? mediaTypes.manifest,
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
      body: manifest.bytes as RequestInit['body'],
    });
    await this.#check(response, `write ${repository}:${reference}`);
    return sha256(manifest.bytes);
  }

  async hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const response = await this.#request(`${repository}/blobs/${digest}`, { method: 'HEAD' });
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
    const started = await this.#request(`${repository}/blobs/uploads/`, { method: 'POST' });
    await this.#check(started, `start an upload to ${repository}`);
    const location = new URL(started.headers.get('location') ?? '', `${this.#access.url}/`);
    location.searchParams.set('digest', descriptor.digest);
    const body = 'bytes' in source ? source.bytes : Readable.toWeb(createReadStream(source.path));
    const response = await this.#request(location.href, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(descriptor.size) },
      body: body as RequestInit['body'],
      duplex: 'half',
    } as RequestInit);
    await this.#check(response, `upload a blob to ${repository}`);
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

  /** The bytes of a small blob. @throws `NotFound`, `DigestMismatch` */
  async getBlob(repository: string, digest: Digest): Promise<Uint8Array> {
    const response = await this.#request(`${repository}/blobs/${digest}`, {});
    await this.#check(response, `read a blob of ${repository}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
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
      await pipeline(
        Readable.fromWeb(response.body as never),
        measure,
        createWriteStream(temporary, { flush: true }),
      );
      if (digestOf(hash) !== digest) throw mismatch(repository, digest);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async tags(repository: string): Promise<string[]> {
    const response = await this.#request(`${repository}/tags/list`, {});
    if (response.status === 404) return [];
    await this.#check(response, `list the tags of ${repository}`);
    return ((await response.json()) as { tags?: string[] | null }).tags ?? [];
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    const url = path.startsWith('http') ? path : `${this.#access.url}/v2/${path}`;
    const scope = /\/v2\/(.+?)\/(?:manifests|blobs|tags)\//.exec(url)?.[1] ?? '';
    const first = await this.#send(url, init, scope);
    if (first.status !== 401 || !(await this.#authenticate(first, scope))) return first;
    return this.#send(url, init, scope);
  }

  async #send(url: string, init: RequestInit, scope: string): Promise<Response> {
    const { username, password } = this.#access;
    const basic =
      password === undefined
        ? undefined
        : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const authorization = this.#tokens.get(scope) ?? basic;
    try {
      return await fetch(url, {
        ...init,
        headers: { ...(init.headers as Record<string, string>), ...(authorization ? { authorization } : {}) },
      });
    } catch (cause) {
      const code =
        ((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error).message;
      throw new TagboatError(`the registry ${this.host} cannot be reached: ${code}`, {
        reason: 'Unavailable',
        cause,
      });
    }
  }

  /** Token authentication (distribution spec, token flow). @returns whether there is something new to try */
  async #authenticate(response: Response, scope: string): Promise<boolean> {
    const challenge = response.headers.get('www-authenticate') ?? '';
    if (!/^bearer/i.test(challenge)) return false;
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
    );
    const url = new URL(fields.realm ?? '');
    if (fields.service) url.searchParams.set('service', fields.service);
    url.searchParams.set('scope', fields.scope ?? `repository:${scope}:pull,push`);
    const { username, password } = this.#access;
    const basic =
      password === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
    const answer = await fetch(url, { headers: basic });
    if (!answer.ok) return false;
    const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
    this.#tokens.set(scope, `Bearer ${token ?? access_token}`);
    return true;
  }

  async #check(response: Response, what: string): Promise<void> {
    if (response.ok) return;
    const body = (await response.text()).slice(0, 500);
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
