import { stat } from 'node:fs/promises';
import { notFound } from '@tagboat/base';
import type { Descriptor, ImageConfiguration, ImageManifest } from '@tagboat/oci';
import type { BlobStore } from './blob-store.ts';
import type { BlobDigest } from './digest.ts';

/** What a list of repositories shows. */
export interface RepositorySummary {
  readonly name: string;
  readonly tags: number;
  readonly manifests: number;
}

export interface LayerDescription {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly title?: string;
  /** The command that made it, where the image says so. */
  readonly createdBy?: string;
}

/** One manifest: an image, or another artifact such as a model. */
export interface ManifestDescription {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly tags: readonly string[];
  /** Bytes of everything that it names. */
  readonly size: number;
  /** RFC 3339: when it was pushed. */
  readonly pushed: string;
  readonly layers: readonly LayerDescription[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform?: string;
  /** The digest that this one speaks of (OCI referrers). */
  readonly subject?: string;
}

/** All repositories, sorted by name. */
export async function listRepositories(store: BlobStore): Promise<RepositorySummary[]> {
  const names = await store.repositories();
  return Promise.all(
    names.map(async (name) => ({
      name,
      tags: (await store.tags(name)).length,
      manifests: (await store.manifests(name)).length,
    })),
  );
}

const mostManifests = 200;

/**
 * The manifests of a repository, newest first, at most 200 of them.
 * @param skip how many of the newest are left out
 * @throws `NotFound`
 */
export async function describeRepository(
  store: BlobStore,
  name: string,
  skip = 0,
): Promise<{ total: number; items: ManifestDescription[] }> {
  if (!store.exists(name)) throw notFound(`there is no image repository ${name}`);
  const tags = new Map<string, string[]>();
  for (const tag of await store.tags(name)) {
    const digest = await store.resolveTag(name, tag);
    if (digest) tags.set(digest, [...(tags.get(digest) ?? []), tag]);
  }
  const digests = await store.manifests(name);
  const dated = await Promise.all(
    digests.map(async (digest) => ({
      digest,
      pushed: (await stat(store.blobPath(digest)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  dated.sort((a, b) => b.pushed - a.pushed);
  const items: ManifestDescription[] = [];
  for (const { digest, pushed } of dated.slice(skip, skip + mostManifests)) {
    const described = await describeManifest(store, { name, digest, pushed, tags: tags.get(digest) ?? [] });
    if (described) items.push(described);
  }
  return { total: digests.length, items };
}

async function describeManifest(
  store: BlobStore,
  {
    name,
    digest,
    pushed,
    tags,
  }: { name: string; digest: BlobDigest; pushed: number; tags: readonly string[] },
): Promise<ManifestDescription | undefined> {
  const found = await store.manifest(name, digest);
  if (!found) return undefined;
  const manifest = parse<Partial<ImageManifest & { manifests: Descriptor[] }>>(found.bytes);
  const config = await configuration(store, manifest?.config);
  const parts = manifest?.layers ?? manifest?.manifests ?? [];
  const commands = (config?.history ?? []).filter(({ empty_layer: empty }) => !empty);
  return {
    digest,
    mediaType: found.mediaType,
    tags,
    pushed: new Date(pushed).toISOString(),
    size: parts.reduce((sum, { size }) => sum + size, manifest?.config?.size ?? 0),
    layers: parts.map((layer, index) => described(layer, commands[index]?.created_by)),
    annotations: manifest?.annotations ?? {},
    ...(manifest?.artifactType ? { artifactType: manifest.artifactType } : {}),
    ...(manifest?.subject ? { subject: manifest.subject.digest } : {}),
    ...(config?.os ? { platform: `${config.os}/${config.architecture}` } : {}),
  };
}

function described(layer: Descriptor, createdBy: string | undefined): LayerDescription {
  const title = layer.annotations?.['org.opencontainers.image.title'];
  return {
    digest: layer.digest,
    mediaType: layer.mediaType,
    size: layer.size,
    ...(title ? { title } : {}),
    ...(createdBy ? { createdBy } : {}),
  };
}

const mostConfiguration = 2 ** 20;

async function configuration(
  store: BlobStore,
  config: Descriptor | undefined,
): Promise<ImageConfiguration | undefined> {
  if (!config || config.size > mostConfiguration || !config.mediaType.endsWith('config.v1+json'))
    return undefined;
  const parts: Buffer[] = [];
  try {
    for await (const part of store.readBlob(config.digest)) parts.push(part as Buffer);
  } catch {
    // A blob that was deleted leaves the manifest, which can still be shown.
    return undefined;
  }
  return parse<ImageConfiguration>(Buffer.concat(parts));
}

function parse<T>(bytes: Uint8Array): T | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
  } catch {
    return undefined;
  }
}
