import type { Readable } from 'node:stream';
import type { Digest } from '@tagboat/base';
import { type Descriptor, type ImageManifest, mediaTypes } from '@tagboat/oci';
import { type BlobStore, DistributionError } from './blob-store.ts';
import { type Call, digestParameter, type HandlerOptions, type Handlers, isTag } from './call.ts';
import { digestOfBytes, isBlobDigest } from './digest.ts';

const largestManifest = 8 * 2 ** 20;

/** Manifests by digest or tag, the list of tags, and what refers to a manifest. */
export function manifestHandlers(options: HandlerOptions): Handlers {
  const { store } = options;
  const get = (call: Call) => getManifest(store, call);
  return {
    'GET manifests': get,
    'HEAD manifests': get,
    'PUT manifests': (call) => putManifest(options, call),
    'DELETE manifests': (call) => deleteManifest(store, call),
    'GET tags': (call) => listTags(store, call),
    'GET referrers': (call) => listReferrers(store, call),
  };
}

const unknown = ({ repository, argument }: Call) =>
  new DistributionError(404, 'MANIFEST_UNKNOWN', `there is no manifest ${repository}:${argument}`);

async function getManifest(store: BlobStore, call: Call): Promise<unknown> {
  const { repository, argument, request, reply } = call;
  const digest = isBlobDigest(argument)
    ? argument
    : isTag(argument) && (await store.resolveTag(repository, argument));
  const found = digest && (await store.manifest(repository, digest));
  if (!found) throw unknown(call);
  store.markUsed(repository, digest, digest === argument ? undefined : argument);
  reply.header('docker-content-digest', digest).header('content-type', found.mediaType);
  if (request.method === 'HEAD') return reply.header('content-length', found.bytes.length).send();
  return reply.send(found.bytes);
}

async function putManifest({ store, pushed }: HandlerOptions, call: Call): Promise<unknown> {
  const { repository, argument, request, reply } = call;
  const named = isBlobDigest(argument) ? argument : undefined;
  if (!named && !isTag(argument))
    throw new DistributionError(400, 'MANIFEST_INVALID', `expected a tag or digest, found "${argument}"`);
  const bytes = await readLimited(request.body as Readable);
  const digest = digestOfBytes(bytes, named);
  if (named && named !== digest)
    throw new DistributionError(
      400,
      'DIGEST_INVALID',
      `expected the digest ${named}, the manifest has ${digest}`,
    );
  const mediaType = request.headers['content-type']?.split(';')[0] ?? mediaTypes.manifest;
  const manifest = parse(bytes);
  for (const part of partsOf(manifest))
    if (!isElsewhere(part) && (await store.hasBlob(repository, part.digest)) === undefined)
      throw new DistributionError(
        404,
        'MANIFEST_BLOB_UNKNOWN',
        `the manifest names the blob ${part.digest}, which ${repository} does not hold`,
      );
  await store.putManifest(repository, digest, { bytes, mediaType });
  if (!named) await store.setTag(repository, argument, digest);
  pushed?.(repository, {
    digest: digest as Digest,
    layers: (manifest.layers ?? []).map((layer) => layer.digest),
  });
  if (manifest.subject) reply.header('oci-subject', manifest.subject.digest);
  return reply
    .code(201)
    .header('location', `/v2/${repository}/manifests/${digest}`)
    .header('docker-content-digest', digest)
    .send();
}

async function deleteManifest(store: BlobStore, call: Call): Promise<unknown> {
  const { repository, argument, reply } = call;
  const found = isBlobDigest(argument)
    ? await store.removeManifest(repository, argument)
    : isTag(argument) && (await store.removeTag(repository, argument));
  if (!found) throw unknown(call);
  return reply.code(202).send();
}

async function listTags(store: BlobStore, { repository, argument, request, reply }: Call): Promise<unknown> {
  if (argument !== 'list' || !store.exists(repository))
    throw new DistributionError(404, 'NAME_UNKNOWN', `there is no repository ${repository}`);
  const { n, last } = request.query;
  if (n !== undefined && !/^\d{1,9}$/.test(n))
    throw new DistributionError(400, 'PAGINATION_NUMBER_INVALID', `expected a number as n, found "${n}"`);
  const all = (await store.tags(repository)).filter((tag) => last === undefined || tag > last);
  const tags = n === undefined ? all : all.slice(0, Number(n));
  if (tags.length < all.length && tags.length > 0)
    reply.header('link', `</v2/${repository}/tags/list?n=${n}&last=${tags.at(-1)}>; rel="next"`);
  return { name: repository, tags };
}

async function listReferrers(
  store: BlobStore,
  { repository, argument, request, reply }: Call,
): Promise<unknown> {
  const digest = digestParameter(argument);
  const wanted = request.query.artifactType;
  const manifests: Descriptor[] = [];
  for (const candidate of await store.manifests(repository)) {
    const found = await store.manifest(repository, candidate);
    const manifest = found && parse(found.bytes);
    if (manifest?.subject?.digest !== digest) continue;
    const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
    if (wanted && artifactType !== wanted) continue;
    manifests.push({
      mediaType: found!.mediaType,
      digest: candidate as Digest,
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

/** Layers whose licence keeps them on another server: they are named, and need not be here (image spec, layer.md). */
const isElsewhere = ({ mediaType }: Descriptor) => /\.(nondistributable|foreign)\./.test(String(mediaType));

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
    if (typeof digest !== 'string' || !isBlobDigest(digest))
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
  throw new DistributionError(400, 'MANIFEST_INVALID', 'expected the manifest to be a JSON object');
}
