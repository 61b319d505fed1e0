import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson, type Digest, digestOf, notFound, safeJoin, sha256 } from '@tagboat/base';
import { parseManifest, type RegistryClient } from './registry-client.ts';
import { type Descriptor, type ImageManifest, mediaTypes, titleAnnotation } from './types.ts';

export interface ArtifactFile {
  /** Its path in the artifact. */
  readonly name: string;
  /** Where it is now. */
  readonly path: string;
}

export interface PushArtifact {
  readonly repository: string;
  /** Tags to give, besides the digest. */
  readonly tags?: readonly string[];
  readonly artifactType: string;
  readonly files: readonly ArtifactFile[];
  readonly annotations?: Readonly<Record<string, string>>;
}

const fileType = 'application/octet-stream';

/** The digest of a file's content. */
export async function fileDigest(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return digestOf(hash);
}

/** Pushes files as one OCI artifact (image spec 1.1, "Guidelines for Artifact Usage"; titles as ORAS sets them). The same files give the same digest. */
export async function pushArtifact(client: RegistryClient, artifact: PushArtifact): Promise<Digest> {
  const { repository } = artifact;
  const blobs = await fileBlobs([...artifact.files].sort((a, b) => (a.name < b.name ? -1 : 1)));
  const empty = new TextEncoder().encode('{}');
  const config: Descriptor = { mediaType: mediaTypes.empty, digest: sha256(empty), size: empty.length };
  await client.putBlobs(repository, [...blobs, { descriptor: config, source: { bytes: empty } }]);
  const layers = blobs.map(({ descriptor }) => descriptor);
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: artifact.artifactType,
    config,
    layers: layers.length > 0 ? layers : [config],
    ...(artifact.annotations ? { annotations: artifact.annotations } : {}),
  };
  const bytes = new TextEncoder().encode(canonicalJson(manifest));
  const digest = sha256(bytes);
  // What is written by a tag is there by its digest too.
  for (const reference of artifact.tags?.length ? artifact.tags : [digest])
    await client.putManifest(repository, reference, { bytes, mediaType: mediaTypes.manifest });
  return digest;
}

/** Uploads files of an artifact that is pushed later, if they are then still the same. */
export async function pushAhead(
  client: RegistryClient,
  { repository, files }: Pick<PushArtifact, 'repository' | 'files'>,
): Promise<void> {
  await client.putBlobs(repository, await fileBlobs(files));
}

async function fileBlobs(files: readonly ArtifactFile[]) {
  const blobs: { descriptor: Descriptor; source: { path: string } }[] = [];
  for (const { name, path } of files) {
    const { size } = await lstat(path);
    const digest = await fileDigest(path);
    const annotations = { [titleAnnotation]: name };
    blobs.push({ descriptor: { mediaType: fileType, digest, size, annotations }, source: { path } });
  }
  return blobs;
}

export interface PulledArtifact {
  readonly digest: Digest;
  readonly annotations: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

/** What an artifact says of itself, without its files; undefined where there is none. */
export async function readArtifact(
  client: RegistryClient,
  repository: string,
  reference: string,
): Promise<{ digest: Digest; manifest: ImageManifest } | undefined> {
  const found = await client.getManifest(repository, reference);
  return found && { digest: found.digest, manifest: parseManifest<ImageManifest>(found) };
}

/** Writes an artifact's files below `directory`. @throws `NotFound` */
export async function pullArtifact(
  client: RegistryClient,
  source: { repository: string; reference: string },
  directory: string,
): Promise<PulledArtifact> {
  const found = await readArtifact(client, source.repository, source.reference);
  if (!found)
    throw notFound(
      `there is no artifact ${source.repository}:${source.reference} in the registry ${client.host}`,
    );
  const files: string[] = [];
  for (const layer of found.manifest.layers) {
    const name = layer.annotations?.[titleAnnotation];
    if (name === undefined) continue;
    const path = safeJoin(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await client.downloadBlob(source.repository, layer.digest, path);
    files.push(name);
  }
  return { digest: found.digest, annotations: found.manifest.annotations ?? {}, files };
}

/** The text of one file of an artifact. */
export async function readArtifactFile(
  client: RegistryClient,
  source: { repository: string; reference: string },
  name: string,
): Promise<Buffer | undefined> {
  const found = await readArtifact(client, source.repository, source.reference);
  const layer = found?.manifest.layers.find((candidate) => candidate.annotations?.[titleAnnotation] === name);
  return layer && Buffer.from(await client.getBlob(source.repository, layer.digest));
}
