import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync, utimesSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { type Digest, hexOf, notFound, TagboatError, writeFileAtomic } from '@tagboat/base';
import { runCommand, syncTree } from '@tagboat/process';
import { type FetchedManifest, parseManifest, type RegistryClient } from './registry-client.ts';
import { type ImageConfiguration, type ImageIndex, type ImageManifest, mediaTypes } from './types.ts';
import { unpackLayer } from './unpack-layer.ts';

export interface UnpackedImage {
  readonly digest: Digest;
  /** The root file system. */
  readonly directory: string;
  readonly config: ImageConfiguration['config'];
}

const unpacking = new Map<string, Promise<UnpackedImage>>();

/**
 * Unpacks an image below `cache`, once per digest; `cache/<hex>/rootfs` appears whole or not at all.
 * @throws `NotFound`, `Invalid`
 */
export async function unpackImage(
  client: RegistryClient,
  source: { repository: string; reference: string },
  cache: string,
): Promise<UnpackedImage> {
  const manifest = await imageManifest(client, source);
  const running = unpacking.get(manifest.digest) ?? unpack(client, source.repository, manifest, cache);
  unpacking.set(manifest.digest, running);
  return running.finally(() => unpacking.delete(manifest.digest));
}

/** The manifest of an image; of a list for several platforms the one for this machine. @throws `NotFound` */
export async function imageManifest(
  client: RegistryClient,
  { repository, reference }: { repository: string; reference: string },
): Promise<FetchedManifest> {
  const found = await client.getManifest(repository, reference);
  if (!found) throw notFound(`there is no image ${repository}:${reference} in the registry ${client.host}`);
  if (found.mediaType !== mediaTypes.index && found.mediaType !== mediaTypes.dockerIndex) return found;
  const wanted = arch() === 'arm64' ? 'arm64' : 'amd64';
  const entry = parseManifest<ImageIndex>(found).manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === wanted,
  );
  if (!entry)
    throw new TagboatError(`${repository}:${reference} has no image for linux/${wanted}`, {
      reason: 'NotFound',
      retryable: false,
    });
  return imageManifest(client, { repository, reference: entry.digest });
}

/** Whether a file is there, which is then used: in one turn, so that what is found here is not collected meanwhile. */
function used(path: string): boolean {
  if (!existsSync(path)) return false;
  const now = new Date();
  utimesSync(path, now, now);
  return true;
}

async function unpack(
  client: RegistryClient,
  repository: string,
  fetched: FetchedManifest,
  cache: string,
): Promise<UnpackedImage> {
  const manifest = parseManifest<ImageManifest>(fetched);
  const target = join(cache, hexOf(fetched.digest));
  const directory = join(target, 'rootfs');
  const configuration = JSON.parse(
    Buffer.from(await client.getBlob(repository, manifest.config.digest)).toString('utf8'),
  ) as ImageConfiguration;
  const result = { digest: fetched.digest, directory, config: configuration.config };
  if (used(join(target, 'complete'))) return result;
  const temporary = join(cache, `.${hexOf(fetched.digest)}.${randomUUID()}`);
  await mkdir(join(temporary, 'rootfs'), { recursive: true });
  try {
    for (const { digest } of manifest.layers)
      await addLayer(client, { repository, digest, cache }, temporary);
    await writeFileAtomic(join(temporary, 'complete'), fetched.digest);
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target).catch((error: NodeJS.ErrnoException) => {
      // Somebody else unpacked the same image meanwhile.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return result;
}

interface LayerSource {
  readonly repository: string;
  readonly digest: Digest;
  readonly cache: string;
}

/**
 * Puts a layer on top of `directory/rootfs`. Layers are unpacked once and shared by hard links, so that a version that
 * differs in its model alone is there at once; nobody writes to them. One that takes files away is applied as it is.
 */
async function addLayer(client: RegistryClient, source: LayerSource, directory: string): Promise<void> {
  const root = join(directory, 'rootfs');
  const kept = join(source.cache, 'layers', hexOf(source.digest));
  const file = join(directory, 'layer');
  const applyTo = async (target: string) => {
    if (!existsSync(file)) await client.downloadBlob(source.repository, source.digest, file);
    return unpackLayer(createReadStream(file), target);
  };
  try {
    if (!used(kept)) {
      const alone = join(directory, 'alone');
      const { whiteouts } = await applyTo(alone);
      if (!whiteouts) await keep(alone, kept);
      else {
        await rm(alone, { recursive: true });
        await applyTo(root);
        await syncTree(root);
        return;
      }
    }
    const link = ['-al', '--remove-destination', `${kept}/.`, `${root}/`];
    const { code } = await runCommand('cp', link, { background: true });
    // Where a link of one layer is a directory of another, or the file system has no hard links.
    if (code !== 0) {
      await applyTo(root);
      await syncTree(root);
    }
  } finally {
    await rm(file, { force: true });
  }
}

/** Moves an unpacked layer to its place; another process may have been first. */
async function keep(unpacked: string, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  await syncTree(unpacked);
  await rename(unpacked, place).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(unpacked, { recursive: true });
  });
}
