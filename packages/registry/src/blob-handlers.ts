import { type BlobStore, DistributionError } from './blob-store.ts';
import { type Call, digestParameter, type HandlerOptions, type Handlers } from './call.ts';

/** Blobs that a repository holds. */
export function blobHandlers({ store }: HandlerOptions): Handlers {
  const get = (call: Call) => getBlob(store, call);
  return {
    'GET blobs': get,
    'HEAD blobs': get,
    'DELETE blobs': async ({ repository, argument, reply }) => {
      if (!(await store.unlink(repository, digestParameter(argument)))) throw unknown(repository, argument);
      return reply.code(202).send();
    },
  };
}

const unknown = (repository: string, digest: string) =>
  new DistributionError(404, 'BLOB_UNKNOWN', `${repository} holds no blob ${digest}`);

async function getBlob(store: BlobStore, { repository, argument, request, reply }: Call): Promise<unknown> {
  const digest = digestParameter(argument);
  const size = await store.hasBlob(repository, digest);
  if (size === undefined) throw unknown(repository, digest);
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
    return reply.send(store.readBlob(digest, { start, end }));
  }
  reply.header('content-length', size);
  return request.method === 'HEAD' ? reply.send() : reply.send(store.readBlob(digest));
}
