import type { Readable } from 'node:stream';
import { notFound, systemClock, TagboatError, timestamp } from '@tagboat/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { media, readJson, unprocessable } from './lfs-body.ts';
import { lockRoutes } from './lfs-lock-routes.ts';
import { isOid, LfsStore } from './lfs-store.ts';
import type { SmartHttpOptions } from './smart-http.ts';

const mostObjects = 10_000;

export interface LfsObject {
  readonly oid: string;
  readonly size: number;
}

/**
 * Git LFS' batch API with its basic transfer (git-lfs docs/api/batch.md, basic-transfers.md), below `<repository>.git/info/lfs`.
 * Locks are those of `lfs-lock-routes.ts`.
 */
export function lfsRoutes(
  app: FastifyInstance,
  options: Pick<SmartHttpOptions, 'open' | 'userOf' | 'fetchLfs'>,
): void {
  const prefix = '/:namespace/:repository/info/lfs';
  const directoryFor = async (request: FastifyRequest, push: boolean): Promise<string> => {
    const { namespace, name } = placeOf(request);
    const directory = await options.open(namespace, name, { push, request });
    if (!directory) throw notFound(`there is no repository ${namespace}/${name}`);
    return directory;
  };
  const storeFor = async (request: FastifyRequest, push: boolean) =>
    new LfsStore(await directoryFor(request, push));
  app.post(`${prefix}/objects/batch`, async (request, reply) => {
    const { operation, objects } = await readBatch(request.body as Readable);
    const store = await storeFor(request, operation === 'upload');
    if (operation === 'download' && options.fetchLfs)
      await fetchMissing(store, objects, (missing) => {
        const { namespace, name } = placeOf(request);
        return options.fetchLfs!(namespace, name, missing);
      });
    const base = `${baseOf(request)}/objects`;
    const { authorization } = request.headers;
    const header: Record<string, string> = authorization ? { Authorization: authorization } : {};
    const answers = [];
    for (const object of objects) answers.push(await answerFor(store, object, { operation, base, header }));
    return reply
      .type(media)
      .send(JSON.stringify({ transfer: 'basic', hash_algo: 'sha256', objects: answers }));
  });
  app.put<{ Params: { oid: string } }>(`${prefix}/objects/:oid`, async (request, reply) => {
    const store = await storeFor(request, true);
    const length = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    await store.write(request.params.oid, request.body as Readable, length);
    return reply.code(200).send();
  });
  app.get<{ Params: { oid: string } }>(`${prefix}/objects/:oid`, async (request, reply) =>
    sendObject(await storeFor(request, false), request.params.oid, { request, reply }),
  );
  app.post(`${prefix}/verify`, async (request, reply) => {
    const store = await storeFor(request, false);
    const { oid, size } = (await readJson(request.body as Readable)) as Partial<LfsObject>;
    if (!isOid(oid) || (await store.size(oid)) !== size) throw notFound(`${oid} is not here in full`);
    return reply.type(media).send('{}');
  });
  lockRoutes(app, prefix, {
    directory: directoryFor,
    userOf: options.userOf ?? (() => 'somebody'),
    now: () => timestamp(systemClock),
  });
}

function placeOf(request: FastifyRequest): { namespace: string; name: string } {
  const { namespace, repository } = request.params as { namespace: string; repository: string };
  return { namespace, name: repository.replace(/\.git$/, '') };
}

async function fetchMissing(
  store: LfsStore,
  objects: readonly LfsObject[],
  fetch: (missing: readonly LfsObject[]) => Promise<void>,
): Promise<void> {
  const missing: LfsObject[] = [];
  for (const object of objects)
    if (
      isOid(object.oid) &&
      Number.isSafeInteger(object.size) &&
      (await store.size(object.oid)) === undefined
    )
      missing.push(object);
  if (missing.length > 0) await fetch(missing);
}

/** The URL of `.../info/lfs`, as the client reached it. */
function baseOf(request: FastifyRequest): string {
  const path = request.url.split('?')[0]!.replace(/\/objects\/batch$/, '');
  return `${request.protocol}://${request.headers.host}${path}`;
}

async function readBatch(
  body: Readable,
): Promise<{ operation: 'upload' | 'download'; objects: LfsObject[] }> {
  const { operation, transfers, objects, hash_algo } = (await readJson(body)) as Record<string, unknown>;
  if (operation !== 'upload' && operation !== 'download')
    throw unprocessable(`expected an operation upload or download, found "${String(operation)}"`);
  if (Array.isArray(transfers) && !transfers.includes('basic'))
    throw unprocessable(`only the basic transfer is served here, not ${transfers.join(', ')}`);
  if (hash_algo !== undefined && hash_algo !== 'sha256')
    throw new TagboatError('only sha256 is served here', { reason: 'Conflict', retryable: false });
  if (!Array.isArray(objects) || objects.length > mostObjects)
    throw unprocessable(`expected a list of at most ${mostObjects} objects`);
  return { operation, objects: objects as LfsObject[] };
}

async function answerFor(
  store: LfsStore,
  { oid, size }: LfsObject,
  about: { operation: 'upload' | 'download'; base: string; header: Record<string, string> },
): Promise<object> {
  const fault = (code: number, message: string) => ({ oid, size, error: { code, message } });
  if (!isOid(oid) || !Number.isSafeInteger(size) || size < 0)
    return fault(422, 'expected a sha256 in hexadecimal digits, and a size');
  const found = await store.size(oid);
  const { operation, base, header } = about;
  const href = `${base}/${oid}`;
  if (operation === 'download')
    return found === undefined
      ? fault(404, 'the object is not here')
      : { oid, size: found, authenticated: true, actions: { download: { href, header } } };
  if (found === size) return { oid, size, authenticated: true };
  const verify = { href: `${base.replace(/\/objects$/, '')}/verify`, header };
  return { oid, size, authenticated: true, actions: { upload: { href, header }, verify } };
}

/** An object, or the part of it that is asked for (a download that is taken up again). */
export async function sendObject(
  store: LfsStore,
  oid: string,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<FastifyReply> {
  const size = await store.size(oid);
  if (size === undefined) throw notFound(`the object ${oid} is not here`);
  reply
    .type('application/octet-stream')
    .header('x-content-type-options', 'nosniff')
    .header('accept-ranges', 'bytes')
    .header('etag', `"${oid}"`);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (!range) return reply.header('content-length', size).send(store.read(oid));
  const start = Number(range[1]);
  const end = Math.min(range[2] ? Number(range[2]) : size - 1, size - 1);
  if (start > end) return reply.code(416).header('content-range', `bytes */${size}`).send();
  return reply
    .code(206)
    .header('content-range', `bytes ${start}-${end}/${size}`)
    .header('content-length', end - start + 1)
    .send(store.read(oid, { start, end }));
}
