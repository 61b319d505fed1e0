import { Readable } from 'node:stream';
import { type Digest, describeError, httpStatusOf, isDigest, type Logger, sha256 } from '@tagboat/base';
import { type Descriptor, type ImageManifest, mediaTypes, repositoryForm, tagForm } from '@tagboat/oci';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type BlobStore, DistributionError, noUpload } from './blob-store.ts';

export interface RegistryOptions {
  readonly store: BlobStore;
  readonly log: Logger;
  /** Called after a manifest was written. */
  readonly pushed?: (repository: string, manifest: PushedManifest) => void;
}

export interface PushedManifest {
  readonly digest: Digest;
  readonly layers: readonly Digest[];
}

const largestManifest = 8 * 2 ** 20;

type Handler = (call: Call) => Promise<unknown>;

interface Call {
  readonly repository: string;
  readonly argument: string;
  readonly request: FastifyRequest<{ Querystring: Record<string, string | undefined> }>;
  readonly reply: FastifyReply;
}

/**
 * The OCI distribution API 1.1, to be registered at `/v2`. Who may do what is decided before.
 */
export async function registryPlugin(app: FastifyInstance, options: RegistryOptions): Promise<void> {
  const { store, log } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof DistributionError)
      return reply.code(error.status).send({ errors: [{ code: error.code, message: error.message }] });
    if (request.raw.destroyed && !request.raw.complete) {
      log.debug('a client of the registry went away', { error });
      return reply.code(400).send({ errors: [{ code: 'SIZE_INVALID', message: 'the content broke off' }] });
    }
    const status = httpStatusOf(error);
    if (status < 500)
      return reply.code(status).send({ errors: [{ code: 'UNSUPPORTED', message: describeError(error) }] });
    log.error('the registry failed', { error });
    return reply.code(500).send({ errors: [{ code: 'UNKNOWN', message: describeError(error) }] });
  });
  const handlers = new Handlers(store, options.pushed);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('docker-distribution-api-version', 'registry/2.0');
  });
  app.get('/', async () => ({}));
  app.get('/_catalog', async () => ({ repositories: await store.repositories() }));
  app.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/*',
    exposeHeadRoute: false,
    handler: (request, reply) => route(handlers, request as Call['request'], reply),
  });
}

/** Repository names hold slashes, so the path is read from its end. */
function route(handlers: Handlers, request: Call['request'], reply: FastifyReply): Promise<unknown> {
  const path = (request.params as { '*': string })['*'];
  const match = /^(.+)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/([^/]*)$/.exec(path);
  const [, repository = '', kind = '', argument = ''] = match ?? [];
  if (!match || !isRepository(repository))
    throw new DistributionError(match ? 400 : 404, 'NAME_INVALID', `"${path}" names no repository`);
  const handler: Handler | undefined = handlers.find(request.method, kind);
  if (!handler) throw new DistributionError(405, 'UNSUPPORTED', `${request.method} ${kind} is not supported`);
  return handler({ repository, argument, request, reply });
}

const isRepository = (name: string) => repositoryForm.test(name) && name.length <= 255;

class Handlers {
  readonly #store: BlobStore;
  readonly #pushed: RegistryOptions['pushed'];
  readonly #table: Readonly<Record<string, Handler>>;

  constructor(store: BlobStore, pushed: RegistryOptions['pushed']) {
    this.#store = store;
    this.#pushed = pushed;
    this.#table = {
      'GET manifests': (call) => this.#getManifest(call),
      'HEAD manifests': (call) => this.#getManifest(call),
      'PUT manifests': (call) => this.#putManifest(call),
      'DELETE manifests': (call) => this.#deleteManifest(call),
      'GET blobs': (call) => this.#getBlob(call),
      'HEAD blobs': (call) => this.#getBlob(call),
      'DELETE blobs': (call) => this.#deleteBlob(call),
      'POST blobs/uploads': (call) => this.#startUpload(call),
      'GET blobs/uploads': (call) => this.#uploadStatus(call),
      'PATCH blobs/uploads': (call) => this.#appendUpload(call),
      'PUT blobs/uploads': (call) => this.#finishUpload(call),
      'DELETE blobs/uploads': (call) => this.#cancelUpload(call),
      'GET tags': (call) => this.#tags(call),
      'GET referrers': (call) => this.#referrers(call),
    };
  }

  find(method: string, kind: string): Handler | undefined {
    return this.#table[`${method} ${kind}`];
  }

  async #getManifest({ repository, argument, request, reply }: Call): Promise<unknown> {
    const digest = isDigest(argument) ? argument : await this.#store.resolveTag(repository, tagOf(argument));
    const found = digest && (await this.#store.manifest(repository, digest));
    if (!found)
      throw new DistributionError(404, 'MANIFEST_UNKNOWN', `there is no manifest ${repository}:${argument}`);
    reply.header('docker-content-digest', digest).header('content-type', found.mediaType);
    if (request.method === 'HEAD') return reply.header('content-length', found.bytes.length).send();
    return reply.send(found.bytes);
  }

  async #putManifest({ repository, argument, request, reply }: Call): Promise<unknown> {
    const bytes = await readLimited(request.body as Readable);
    const digest = sha256(bytes);
    const mediaType = request.headers['content-type']?.split(';')[0] ?? mediaTypes.manifest;
    const manifest = parse(bytes);
    const parts = partsOf(manifest);
    if (isDigest(argument) && argument !== digest)
      throw new DistributionError(
        400,
        'DIGEST_INVALID',
        `expected the digest ${argument}, the manifest has ${digest}`,
      );
    for (const { digest: blob } of parts)
      if ((await this.#store.hasBlob(repository, blob)) === undefined)
        throw new DistributionError(
          404,
          'MANIFEST_BLOB_UNKNOWN',
          `the manifest names the blob ${blob}, which ${repository} does not hold`,
        );
    await this.#store.putManifest(repository, digest, { bytes, mediaType });
    if (!isDigest(argument)) await this.#store.setTag(repository, tagOf(argument), digest);
    this.#pushed?.(repository, { digest, layers: (manifest.layers ?? []).map((layer) => layer.digest) });
    if (manifest.subject) reply.header('oci-subject', manifest.subject.digest);
    return reply
      .code(201)
      .header('location', `/v2/${repository}/manifests/${digest}`)
      .header('docker-content-digest', digest)
      .send();
  }

  async #deleteManifest({ repository, argument, reply }: Call): Promise<unknown> {
    const found = isDigest(argument)
      ? await this.#store.removeManifest(repository, argument)
      : await this.#store.removeTag(repository, tagOf(argument));
    if (!found)
      throw new DistributionError(404, 'MANIFEST_UNKNOWN', `there is no manifest ${repository}:${argument}`);
    return reply.code(202).send();
  }

  async #getBlob({ repository, argument, request, reply }: Call): Promise<unknown> {
    const digest = digestParameter(argument);
    const size = await this.#store.hasBlob(repository, digest);
    if (size === undefined)
      throw new DistributionError(404, 'BLOB_UNKNOWN', `${repository} holds no blob ${digest}`);
    reply
      .header('docker-content-digest', digest)
      .header('content-type', 'application/octet-stream')
      .header('accept-ranges', 'bytes');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range && request.method === 'GET') {
      const start = Number(range[1]);
      const end = Math.min(range[2] ? Number(range[2]) : size - 1, size - 1);
      if (start >= size || start > end)
        return reply.code(416).header('content-range', `bytes */${size}`).send();
      reply
        .code(206)
        .header('content-range', `bytes ${start}-${end}/${size}`)
        .header('content-length', end - start + 1);
      return reply.send(this.#store.readBlob(digest, { start, end }));
    }
    reply.header('content-length', size);
    return request.method === 'HEAD' ? reply.send() : reply.send(this.#store.readBlob(digest));
  }

  async #deleteBlob({ repository, argument, reply }: Call): Promise<unknown> {
    if (!(await this.#store.unlink(repository, digestParameter(argument))))
      throw new DistributionError(404, 'BLOB_UNKNOWN', `${repository} holds no blob ${argument}`);
    return reply.code(202).send();
  }

  async #startUpload(call: Call): Promise<unknown> {
    const { repository, request, reply } = call;
    const { mount, from, digest } = request.query;
    const other = from !== undefined && isRepository(from) ? from : undefined;
    if (mount && isDigest(mount) && other && (await this.#store.hasBlob(other, mount)) !== undefined) {
      await this.#store.link(repository, mount);
      return created(reply, repository, mount);
    }
    const id = await this.#store.startUpload();
    if (digest) return this.#finish(call, id, digestParameter(digest));
    return accepted(reply, { repository, id, size: 0 });
  }

  async #uploadStatus({ repository, argument, reply }: Call): Promise<unknown> {
    return accepted(reply.code(204), { repository, id: argument, size: await this.#sizeOf(argument) }, 204);
  }

  async #appendUpload({ repository, argument, request, reply }: Call): Promise<unknown> {
    const before = await this.#sizeOf(argument);
    const range = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '');
    if (range && Number(range[1]) !== before)
      return accepted(reply, { repository, id: argument, size: before }, 416);
    const size = await this.#store.append(argument, bodyOf(request));
    return accepted(reply, { repository, id: argument, size });
  }

  async #finishUpload(call: Call): Promise<unknown> {
    await this.#sizeOf(call.argument);
    const { digest } = call.request.query;
    if (!digest)
      throw new DistributionError(400, 'DIGEST_INVALID', 'expected a digest in the query, found none');
    return this.#finish(call, call.argument, digestParameter(digest));
  }

  async #finish({ repository, request, reply }: Call, id: string, digest: Digest): Promise<unknown> {
    await this.#store.append(id, bodyOf(request));
    await this.#store.finishUpload(repository, id, digest);
    return created(reply, repository, digest);
  }

  async #cancelUpload({ argument, reply }: Call): Promise<unknown> {
    await this.#sizeOf(argument);
    await this.#store.cancelUpload(argument);
    return reply.code(204).send();
  }

  async #sizeOf(id: string): Promise<number> {
    const size = await this.#store.uploadSize(id);
    if (size === undefined) throw noUpload();
    return size;
  }

  async #tags({ repository, argument, request, reply }: Call): Promise<unknown> {
    if (argument !== 'list' || !this.#store.exists(repository))
      throw new DistributionError(404, 'NAME_UNKNOWN', `there is no repository ${repository}`);
    const { n, last } = request.query;
    if (n !== undefined && !/^\d{1,9}$/.test(n))
      throw new DistributionError(400, 'PAGINATION_NUMBER_INVALID', `expected a number as n, found "${n}"`);
    const all = (await this.#store.tags(repository)).filter((tag) => last === undefined || tag > last);
    const tags = n === undefined ? all : all.slice(0, Number(n));
    if (tags.length < all.length && tags.length > 0)
      reply.header('link', `</v2/${repository}/tags/list?n=${n}&last=${tags.at(-1)}>; rel="next"`);
    return { name: repository, tags };
  }

  async #referrers({ repository, argument, request, reply }: Call): Promise<unknown> {
    const digest = digestParameter(argument);
    const wanted = request.query.artifactType;
    const manifests: Descriptor[] = [];
    for (const candidate of await this.#store.manifests(repository)) {
      const found = await this.#store.manifest(repository, candidate);
      const manifest = found && parse(found.bytes);
      if (manifest?.subject?.digest !== digest) continue;
      const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
      if (wanted && artifactType !== wanted) continue;
      manifests.push({
        mediaType: found!.mediaType,
        digest: candidate,
        size: found!.bytes.length,
        ...(artifactType ? { artifactType } : {}),
        ...(manifest.annotations ? { annotations: manifest.annotations } : {}),
      });
    }
    if (wanted) reply.header('oci-filters-applied', 'artifactType');
    return reply
      .header('content-type', mediaTypes.index)
      .send(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })));
  }
}

function accepted(
  reply: FastifyReply,
  { repository, id, size }: { repository: string; id: string; size: number },
  code = 202,
): FastifyReply {
  return reply
    .code(code)
    .header('location', `/v2/${repository}/blobs/uploads/${id}`)
    .header('docker-upload-uuid', id)
    .header('range', `0-${Math.max(0, size - 1)}`)
    .send();
}

function created(reply: FastifyReply, repository: string, digest: Digest): FastifyReply {
  return reply
    .code(201)
    .header('location', `/v2/${repository}/blobs/${digest}`)
    .header('docker-content-digest', digest)
    .send();
}

function digestParameter(text: string): Digest {
  if (!isDigest(text))
    throw new DistributionError(400, 'DIGEST_INVALID', `expected a digest sha256:..., found "${text}"`);
  return text;
}

function tagOf(text: string): string {
  if (!tagForm.test(text))
    throw new DistributionError(400, 'MANIFEST_INVALID', `expected a tag or digest, found "${text}"`);
  return text;
}

const bodyOf = (request: FastifyRequest): Readable =>
  (request.body as Readable | undefined) ?? Readable.from([]);

async function readLimited(stream: Readable | undefined): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    size += (chunk as Buffer).length;
    if (size > largestManifest)
      throw new DistributionError(
        413,
        'SIZE_INVALID',
        `expected a manifest of at most ${largestManifest} bytes`,
      );
    parts.push(chunk as Buffer);
  }
  return Buffer.concat(parts);
}

/** Config and layers. @throws `MANIFEST_INVALID` where a descriptor is not what the image spec says */
function partsOf({ config, layers = [], subject }: Partial<ImageManifest>): Descriptor[] {
  const parts: unknown[] = [
    ...(config === undefined ? [] : [config]),
    ...(Array.isArray(layers) ? layers : [null]),
  ];
  for (const part of [...parts, ...(subject === undefined ? [] : [subject])]) {
    const { digest } = (part ?? {}) as { digest?: unknown };
    if (typeof digest !== 'string' || !isDigest(digest))
      throw new DistributionError(
        400,
        'MANIFEST_INVALID',
        'expected config, layers and subject with a digest sha256:... each',
      );
  }
  return parts as Descriptor[];
}

function parse(bytes: Uint8Array): Partial<ImageManifest> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch {
    // Said below, in the spec's words.
  }
  throw new DistributionError(400, 'MANIFEST_INVALID', 'expected a manifest in JSON');
}
