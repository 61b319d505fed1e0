import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Digest, sha256 } from '@tagboat/base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BlobStore } from './blob-store.ts';
import { type CollectOptions, collectUnused } from './collect.ts';

const day = 24 * 3600_000;
const now = Date.UTC(2026, 5, 1);
const old = now - 100 * day;
const defaults: CollectOptions = {
  named: new Set(),
  expiring: new Set(['application/x.cache']),
  unusedSince: now - 90 * day,
  uploadedBefore: now - day,
};

let directory: string;
let store: BlobStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'registry-'));
  store = new BlobStore(directory);
});
afterEach(() => rm(directory, { recursive: true }));

/** Makes a file as old as if it was written at `time`. */
const age = (path: string, time = old) => utimes(join(directory, path), time / 1000, time / 1000);
const hex = (digest: Digest) => digest.slice('sha256:'.length);
const bytesAt = (digest: Digest) => join('sha256', hex(digest).slice(0, 2), hex(digest));

async function blob(repository: string, text: string, time = old): Promise<Digest> {
  const id = await store.startUpload();
  await store.append(id, Readable.from([text]));
  const digest = sha256(text);
  await store.finishUpload(repository, id, digest);
  await age(bytesAt(digest), time);
  await age(join('repositories', repository, '_blobs', hex(digest)), time);
  return digest;
}

interface Push {
  readonly tags?: readonly string[];
  readonly time?: number;
  readonly manifest?: object;
}

/** Pushes an artifact of one layer with this text. */
async function push(repository: string, text: string, { tags = [], time = old, manifest }: Push = {}) {
  const layer = await blob(repository, text, time);
  const bytes = Buffer.from(JSON.stringify({ layers: [{ digest: layer }], ...manifest }));
  const digest = sha256(bytes);
  await store.putManifest(repository, digest, { bytes, mediaType: 'application/json' });
  for (const tag of tags) {
    await store.setTag(repository, tag, digest);
    await age(join('repositories', repository, '_tags', tag), time);
  }
  await age(bytesAt(digest), time);
  await age(join('repositories', repository, '_manifests', hex(digest)), time);
  return { digest, layer };
}

const has = async (repository: string, { digest, layer }: { digest: Digest; layer: Digest }) => [
  (await store.manifest(repository, digest)) !== undefined,
  (await store.hasBlob(repository, layer)) !== undefined,
];
const all = [true, true];
const none = [false, false];

it('keeps what is tagged, named from outside or new, and removes the rest with its bytes', async () => {
  const tagged = await push('a/m', 'tagged', { tags: ['v1'] });
  const named = await push('a/m', 'named');
  const fresh = await push('a/m', 'fresh', { time: now - 2 * day });
  const unused = await push('a/m', 'unused');
  const { removed, stored } = await collectUnused(store, { ...defaults, named: new Set([named.digest]) });
  for (const kept of [tagged, named, fresh]) expect(await has('a/m', kept)).toEqual(all);
  expect(await has('a/m', unused)).toEqual(none);
  expect(removed).toMatchObject({ manifests: 1, tags: 0, blobs: 2 });
  expect(stored.blobs).toBe(6);
  expect(await store.hasBlob('a/m', unused.layer)).toBeUndefined();
  expect((await collectUnused(store, defaults)).removed.manifests).toBe(1);
});

it('keeps the children of an index, the model of an image, and what speaks of them', async () => {
  const model = await push('a/m/model', 'model');
  const configuration = await blob('a/m', JSON.stringify({ config: { Labels: { model: model.digest } } }));
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: configuration, size: 10 };
  const image = await push('a/m', 'image', { manifest: { config } });
  const signature = await push('a/m', 'signature', { manifest: { subject: { digest: image.digest } } });
  const index = await push('a/m', 'index', {
    tags: ['v1'],
    manifest: { manifests: [{ digest: image.digest }] },
  });
  await collectUnused(store, defaults);
  for (const kept of [image, signature, index]) expect(await has('a/m', kept)).toEqual(all);
  expect(await has('a/m/model', model)).toEqual(all);
  await store.removeTag('a/m', 'v1');
  expect((await collectUnused(store, defaults)).removed).toMatchObject({ manifests: 4 });
});

it('forgets outcomes of steps that nobody asked for, and no others', async () => {
  const manifest = { artifactType: 'application/x.cache' };
  const forgotten = await push('a/m/cache', 'forgotten', { tags: ['k1'], manifest });
  const asked = await push('a/m/cache', 'asked', { tags: ['k2'], manifest });
  const named = await push('a/m/cache', 'named', { tags: ['k3'], manifest });
  store.markUsed('a/m/cache', asked.digest, 'k2');
  await collectUnused(store, { ...defaults, named: new Set([named.digest]) });
  expect(await has('a/m/cache', forgotten)).toEqual(none);
  expect(await has('a/m/cache', asked)).toEqual(all);
  expect(await has('a/m/cache', named)).toEqual(all);
  expect(await store.tags('a/m/cache')).toEqual(['k2', 'k3']);
});

it('leaves what is being pushed: parts that came lately, or that a client was told are here', async () => {
  const uploaded = await blob('a/new', 'uploaded', now - 3600_000);
  const told = await blob('a/new', 'told');
  const elsewhere = await push('a/old', 'mounted');
  const left = await blob('a/new', 'left');
  expect(await store.hasBlob('a/new', told)).toBe(4);
  await store.link('a/new', elsewhere.layer);
  await collectUnused(store, defaults);
  expect(await store.hasBlob('a/new', uploaded)).toBe(8);
  expect(await store.hasBlob('a/new', told)).toBe(4);
  expect(await store.hasBlob('a/new', elsewhere.layer)).toBe(7);
  expect(await store.hasBlob('a/new', left)).toBeUndefined();
  expect(await store.hasBlob('a/old', elsewhere.layer)).toBeUndefined();
});

it('removes nothing where something cannot be read', async () => {
  const unused = await push('a/m', 'unused');
  await store.setTag('a/broken', 'v1/below' as string, unused.digest);
  await store.putManifest('a/broken', unused.digest, { bytes: Buffer.from('{}'), mediaType: 'x' });
  await age(join('repositories', 'a/m', '_manifests', hex(unused.digest)));
  await expect(collectUnused(store, defaults)).rejects.toThrow();
  expect(await has('a/m', unused)).toEqual(all);
});

it('goes on where it was killed: with a manifest whose bytes are gone, and bytes without a manifest', async () => {
  const half = await push('a/m', 'half', { tags: ['v1'] });
  const rest = await push('a/m', 'rest');
  await rm(join(directory, bytesAt(rest.digest)));
  const { removed } = await collectUnused(store, defaults);
  expect(removed).toMatchObject({ manifests: 1, blobs: 1 });
  expect(await has('a/m', half)).toEqual(all);
  const signal = AbortSignal.abort();
  await store.removeTag('a/m', 'v1');
  expect((await collectUnused(store, { ...defaults, signal })).removed).toMatchObject({
    manifests: 0,
    blobs: 0,
  });
});

it.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'ends after %i removals with all that is tagged, and the next time with nothing else',
  async (most) => {
    const shared = { config: { mediaType: 'x', digest: await blob('a/m', 'shared'), size: 6 } };
    const kept = await push('a/m', 'kept', { tags: ['v1'], manifest: shared });
    for (const text of ['first', 'second']) await push('a/m', text, { manifest: shared });
    const index = { manifests: [{ digest: (await push('a/n', 'child')).digest }] };
    await push('a/n', 'index', { manifest: index });
    let removals = 0;
    const ending = new (class extends BlobStore {
      override removeUnused(...entry: Parameters<BlobStore['removeUnused']>) {
        if (removals === most) throw new Error('killed');
        const isRemoved = super.removeUnused(...entry);
        if (isRemoved) removals++;
        return isRemoved;
      }
    })(directory);
    await expect(collectUnused(ending, defaults)).rejects.toThrow('killed');
    expect(await store.resolveTag('a/m', 'v1')).toBe(kept.digest);
    const read = await store.manifest('a/m', kept.digest);
    expect(sha256(read!.bytes)).toBe(kept.digest);
    const { stored } = await collectUnused(store, defaults);
    expect(stored.blobs).toBe(3);
    expect(await has('a/m', kept)).toEqual(all);
  },
);

it('reads no more of a configuration than it may have, whatever the manifest says of its size', async () => {
  const model = await push('a/m', 'model');
  const far = `${' '.repeat(2 ** 20)}{"model":"${model.digest}"}`;
  const digest = await blob('a/m', far);
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 10 };
  await push('a/m', 'image', { tags: ['v1'], manifest: { config } });
  await collectUnused(store, defaults);
  expect(await store.manifest('a/m', model.digest)).toBeUndefined();
});
