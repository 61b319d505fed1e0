import { type Digest, describeError, httpStatusOf, isDiskFull, type Logger } from '@tagboat/base';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { blobHandlers } from './blob-handlers.ts';
import { type BlobStore, DistributionError } from './blob-store.ts';
import { type Call, type Handlers, isRepository } from './call.ts';
import { manifestHandlers } from './manifest-handlers.ts';
import { uploadHandlers } from './upload-handlers.ts';

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

const fullDisk = 'the disk of the registry is full: free some space where TAGBOAT_HOME is, and push again';

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
    if (isDiskFull(error)) {
      log.warn('the registry cannot keep what was pushed', { error });
      return reply.code(507).send({ errors: [{ code: 'UNKNOWN', message: fullDisk }] });
    }
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
  const handlers = { ...blobHandlers(options), ...uploadHandlers(options), ...manifestHandlers(options) };
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
  const handler = handlers[`${request.method} ${kind}`];
  if (!handler) throw new DistributionError(405, 'UNSUPPORTED', `${request.method} ${kind} is not supported`);
  return handler({ repository, argument, request, reply });
}
