import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type BlobStore, DistributionError, noUpload } from './blob-store.ts';
import { type Call, digestParameter, type HandlerOptions, type Handlers, isRepository } from './call.ts';
import { type BlobDigest, isBlobDigest } from './digest.ts';

/** Uploads of blobs: in one request, in chunks, or as a mount of what another repository holds. */
export function uploadHandlers({ store }: HandlerOptions): Handlers {
  return {
    'POST blobs/uploads': (call) => start(store, call),
    'GET blobs/uploads': async ({ repository, argument, reply }) =>
      accepted(reply, { repository, id: argument, size: await sizeOf(store, argument) }, 204),
    'PATCH blobs/uploads': (call) => append(store, call),
    'PUT blobs/uploads': (call) => putLast(store, call),
    'DELETE blobs/uploads': async ({ argument, reply }) => {
      await sizeOf(store, argument);
      await store.cancelUpload(argument);
      return reply.code(204).send();
    },
  };
}

async function start(store: BlobStore, call: Call): Promise<unknown> {
  const { repository, request, reply } = call;
  const { mount, from, digest } = request.query;
  const other = from !== undefined && isRepository(from) ? from : undefined;
  if (mount && isBlobDigest(mount) && other && (await store.hasBlob(other, mount)) !== undefined) {
    await store.link(repository, mount);
    return created(reply, repository, mount);
  }
  const wanted = digest ? digestParameter(digest) : undefined;
  const id = await store.startUpload();
  if (!wanted) return accepted(reply, { repository, id, size: 0 });
  try {
    return await finish(store, call, { id, digest: wanted });
  } catch (error) {
    // Its client was never told the upload's name, and begins anew.
    if ((await store.uploadSize(id)) !== undefined) await store.cancelUpload(id);
    throw error;
  }
}

async function append(store: BlobStore, { repository, argument, request, reply }: Call): Promise<unknown> {
  const before = await sizeOf(store, argument);
  if (leavesGap(request, before)) return accepted(reply, { repository, id: argument, size: before }, 416);
  const size = await store.append(argument, bodyOf(request));
  return accepted(reply, { repository, id: argument, size });
}

async function putLast(store: BlobStore, call: Call): Promise<unknown> {
  const { repository, argument, request, reply } = call;
  const before = await sizeOf(store, argument);
  const { digest } = request.query;
  if (!digest)
    throw new DistributionError(400, 'DIGEST_INVALID', 'expected a digest in the query, found none');
  if (leavesGap(request, before)) return accepted(reply, { repository, id: argument, size: before }, 416);
  return finish(store, call, { id: argument, digest: digestParameter(digest) });
}

async function finish(
  store: BlobStore,
  { repository, request, reply }: Call,
  { id, digest }: { id: string; digest: BlobDigest },
): Promise<unknown> {
  await store.append(id, bodyOf(request));
  await store.finishUpload(repository, id, digest);
  return created(reply, repository, digest);
}

/** @throws `BLOB_UPLOAD_UNKNOWN` */
async function sizeOf(store: BlobStore, id: string): Promise<number> {
  const size = await store.uploadSize(id);
  if (size === undefined) throw noUpload();
  return size;
}

/** Whether a chunk begins elsewhere than where the one before ended. */
function leavesGap({ headers }: FastifyRequest, size: number): boolean {
  const range = /^(\d+)-(\d+)$/.exec(headers['content-range'] ?? '');
  return range !== null && Number(range[1]) !== size;
}

const bodyOf = (request: FastifyRequest): Readable =>
  (request.body as Readable | undefined) ?? Readable.from([]);

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

function created(reply: FastifyReply, repository: string, digest: BlobDigest): FastifyReply {
  return reply
    .code(201)
    .header('location', `/v2/${repository}/blobs/${digest}`)
    .header('docker-content-digest', digest)
    .send();
}
