import type { Descriptor, ImageIndex, ImageManifest } from '@tagboat/oci';
import type { BlobStore } from './blob-store.ts';
import type { BlobDigest } from './digest.ts';

export interface CollectOptions {
  /** Digests that something outside the registry names: what they name stays, and all that it refers to. */
  readonly named: ReadonlySet<string>;
  /** Artifact types whose tags alone keep nothing: they are names for looking up what can be made again. */
  readonly expiring: ReadonlySet<string>;
  /** What was pushed or asked for since then (milliseconds since the epoch) stays in any case. */
  readonly unusedSince: number;
  /** As `unusedSince`, for parts that no manifest names: an upload may be on its way to one. */
  readonly uploadedBefore: number;
  /** Stops between two entries. */
  readonly signal?: AbortSignal;
}

/** What is stored after a collection, and what it removed. */
export interface Collected {
  readonly stored: { readonly blobs: number; readonly bytes: number };
  readonly removed: {
    readonly manifests: number;
    readonly tags: number;
    readonly blobs: number;
    readonly bytes: number;
  };
}

interface Found {
  readonly repository: string;
  readonly digest: BlobDigest;
  readonly manifest: Partial<ImageManifest & ImageIndex>;
  /** All digests that it mentions, by itself or in its configuration. */
  readonly mentions: ReadonlySet<string>;
  readonly tags: readonly string[];
}

/**
 * Removes manifests that nothing names any more, and then the blobs that no manifest names. A manifest stays where it is
 * named from outside, tagged, pushed or asked for lately, mentioned by one that stays (as in an index, or as the model of
 * an image), or speaks of one that stays (OCI referrers). What refers goes before what it refers to, each by one removal,
 * so that a kill at any moment leaves only what the next collection removes.
 */
export async function collectUnused(store: BlobStore, options: CollectOptions): Promise<Collected> {
  const removed = { manifests: 0, tags: 0, blobs: 0, bytes: 0 };
  const repositories = await store.repositories({ begun: true });
  const found: Found[] = [];
  for (const repository of repositories) found.push(...(await manifestsOf(store, repository)));
  const staying = reachable(
    found,
    found.filter((one) => isRoot(store, one, options)),
  );
  for (const one of referringFirst(found)) {
    if (options.signal?.aborted) break;
    if (staying.has(one)) continue;
    const before = options.unusedSince;
    const { repository, digest, tags } = one;
    const kept = tags.filter((tag) => !store.removeUnused({ kind: 'tag', repository, tag }, before));
    removed.tags += tags.length - kept.length;
    if (kept.length === 0 && store.removeUnused({ kind: 'manifest', repository, digest }, before))
      removed.manifests++;
    // Somebody asked for it meanwhile.
    else for (const needed of reachable(found, [one])) staying.add(needed);
  }
  for (const repository of repositories) await unlinkParts(store, repository, options);
  const stored = await removeBlobs(store, options, removed);
  return { stored, removed };
}

/** The manifests of a repository, each read once. */
async function manifestsOf(store: BlobStore, repository: string): Promise<Found[]> {
  const tags = new Map<string, string[]>();
  for (const tag of await store.tags(repository)) {
    const digest = await store.resolveTag(repository, tag);
    if (digest) tags.set(digest, [...(tags.get(digest) ?? []), tag]);
  }
  const found: Found[] = [];
  for await (const { digest, text } of textsIn(store, repository)) {
    const manifest = parse(text);
    const configuration = await configurationText(store, manifest.config);
    const mentions = new Set([...digestsIn(text), ...digestsIn(configuration)]);
    found.push({ repository, digest, manifest, mentions, tags: tags.get(digest) ?? [] });
  }
  return found;
}

async function* textsIn(store: BlobStore, repository: string) {
  for (const digest of await store.manifests(repository)) {
    const found = await store.manifest(repository, digest);
    yield { digest, text: found?.bytes.toString('utf8') ?? '' };
  }
}

function isRoot(store: BlobStore, { repository, digest, manifest, tags }: Found, options: CollectOptions) {
  if (options.named.has(digest) || store.lastUsed(repository, { digest }) >= options.unusedSince) return true;
  const expires = options.expiring.has(manifest.artifactType ?? '');
  return tags.some((tag) => !expires || store.lastUsed(repository, { tag }) >= options.unusedSince);
}

/** The roots, what they mention, and what speaks of one of these. */
function reachable(all: readonly Found[], roots: readonly Found[]): Set<Found> {
  const byDigest = grouped(all, ({ digest }) => digest);
  const speaking = grouped(all, ({ manifest }) => manifest.subject?.digest ?? '');
  const reached = new Set<Found>();
  const left = [...roots];
  for (let one = left.pop(); one; one = left.pop()) {
    if (reached.has(one)) continue;
    reached.add(one);
    for (const digest of [one.digest, ...one.mentions]) left.push(...(byDigest.get(digest) ?? []));
    left.push(...(speaking.get(one.digest) ?? []));
  }
  return reached;
}

/** Each before those that it mentions. */
function referringFirst(all: readonly Found[]): Found[] {
  const byDigest = grouped(all, ({ digest }) => digest);
  const seen = new Set<Found>();
  const mentionedFirst: Found[] = [];
  const visit = (one: Found) => {
    if (seen.has(one)) return;
    seen.add(one);
    for (const digest of one.mentions) byDigest.get(digest)?.forEach(visit);
    mentionedFirst.push(one);
  };
  all.forEach(visit);
  return mentionedFirst.reverse();
}

/** Takes the parts out of a repository that none of its manifests names any more. */
async function unlinkParts(store: BlobStore, repository: string, options: CollectOptions): Promise<void> {
  const parts = new Set<string>();
  // Read anew: what was pushed meanwhile counts.
  for await (const { text } of textsIn(store, repository))
    for (const digest of digestsIn(text)) parts.add(digest);
  for (const digest of await store.linked(repository))
    if (!parts.has(digest) && !options.signal?.aborted)
      store.removeUnused({ kind: 'link', repository, digest }, options.uploadedBefore);
}

/** Removes the bytes that no repository holds. @returns what stays */
async function removeBlobs(
  store: BlobStore,
  options: CollectOptions,
  removed: { blobs: number; bytes: number },
): Promise<Collected['stored']> {
  const held = new Set<string>();
  for (const repository of await store.repositories({ begun: true }))
    for (const digest of [...(await store.linked(repository)), ...(await store.manifests(repository))])
      held.add(digest);
  const stored = { blobs: 0, bytes: 0 };
  for await (const { digest, bytes } of store.stored()) {
    const isRemoved =
      !held.has(digest) &&
      !options.signal?.aborted &&
      store.removeUnused({ kind: 'blob', digest }, options.uploadedBefore);
    const count = isRemoved ? removed : stored;
    count.blobs++;
    count.bytes += bytes;
  }
  return stored;
}

const largestConfiguration = 2 ** 20;

/** The text of a configuration, whose labels may name other artifacts; empty where it is none or larger than any. */
async function configurationText(store: BlobStore, config: Descriptor | undefined): Promise<string> {
  if (!config || !/\bjson$/.test(config.mediaType) || config.size > largestConfiguration) return '';
  // What a manifest says of the size need not be so.
  const beginning = { start: 0, end: largestConfiguration - 1 };
  const parts: Buffer[] = [];
  try {
    for await (const part of store.readBlob(config.digest, beginning)) parts.push(part as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return Buffer.concat(parts).toString('utf8');
}

/** All digests in a text. */
export const digestsIn = (text: string): string[] => text.match(digestPattern) ?? [];

/** A digest in a text; also as git-grep(1) `-E` reads it. */
export const digestPattern = /sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}/g;

function grouped(all: readonly Found[], keyOf: (one: Found) => string): ReadonlyMap<string, Found[]> {
  const groups = new Map<string, Found[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return groups;
}

function parse(text: string): Found['manifest'] {
  try {
    return (JSON.parse(text) ?? {}) as Found['manifest'];
  } catch {
    // What is no manifest names nothing.
    return {};
  }
}
