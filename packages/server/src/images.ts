import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, hexOf, isReason, type Logger, TagboatError, writeFileAtomic } from '@tagboat/base';
import { type ImageSource, loginHint } from '@tagboat/node';
import { parseReference, RegistryClient, readArtifactFile, unpackImage } from '@tagboat/oci';

export interface ImageSettings {
  readonly home: string;
  /** Host and port of this platform's own registry. */
  readonly ownHost: string;
  readonly ownerToken: string;
  readonly outside?: {
    readonly url: string;
    readonly login?: { username: string; password: string } | undefined;
  };
}

export interface Images {
  /** Fetches images from this platform's registry, the configured one, or any other, with the login of a pod's pull secrets. */
  readonly source: ImageSource;
  /**
   * Unpacks an image that was pushed here ahead of its pods, where it shares layers with what ran here before: a new
   * version of that will soon be started.
   */
  readonly pushed: (repository: string, image: { digest: Digest; layers: readonly Digest[] }) => void;
  /** One file of the model's artifact that an image was built with; nothing where it has none. */
  readonly modelFile: (
    image: string,
    modelDigest: string,
    name: string,
  ) => Promise<Buffer<ArrayBufferLike> | undefined>;
  /** A client of the registry at a host: this platform's, the configured one, or any other with the login given. */
  readonly registries: (host: string, login?: { username: string; password: string }) => RegistryClient;
}

export async function openImages(settings: ImageSettings, log: Logger): Promise<Images> {
  const own = await ownHosts(settings.home, settings.ownHost);
  const cache = join(settings.home, 'images');
  const source: ImageSource = async (text, login) => {
    const reference = parseReference(text);
    const host = own.has(reference.host) ? settings.ownHost : reference.host;
    const client = clientFor(settings, host, host === settings.ownHost ? undefined : await login?.());
    const unpacked = await unpackImage(
      client,
      { repository: reference.repository, reference: reference.digest ?? reference.tag ?? 'latest' },
      cache,
    ).catch((error: unknown) => {
      if (error instanceof TagboatError && error.reason === 'NotFound') throw error;
      throw new TagboatError(
        `cannot fetch the image ${text}: ${error instanceof Error ? error.message : error}`,
        {
          reason: 'ImagePullFailed',
          cause: error,
          ...(isReason(error, 'Unauthorized') ? { hint: loginHint } : {}),
        },
      );
    });
    return { kind: 'rootfs', ...unpacked, config: unpacked.config ?? {} };
  };
  return {
    source,
    pushed(repository, { digest, layers }) {
      if (!layers.some((layer) => existsSync(join(cache, 'layers', hexOf(layer))))) return;
      const name = `${settings.ownHost}/${repository}@${digest}`;
      source(name).catch((error: unknown) => log.info('cannot unpack a pushed image', { name, error }));
    },
    registries(host, login) {
      return clientFor(settings, own.has(host) ? settings.ownHost : host, login);
    },
    modelFile(image, modelDigest, name) {
      const { host, repository } = parseReference(image);
      const client = clientFor(settings, own.has(host) ? settings.ownHost : host);
      return readArtifactFile(client, { repository: `${repository}/model`, reference: modelDigest }, name);
    },
  };
}

function clientFor(
  settings: ImageSettings,
  host: string,
  login?: { username: string; password: string },
): RegistryClient {
  if (host === settings.ownHost)
    return new RegistryClient({ url: `http://${host}`, username: 'tagboat', password: settings.ownerToken });
  const { outside } = settings;
  if (outside && new URL(outside.url).host === host)
    return new RegistryClient({ url: new URL(outside.url).origin, ...outside.login });
  const name = host === 'docker.io' ? 'registry-1.docker.io' : host;
  return new RegistryClient({
    url: `${/^(127\.|localhost)/.test(host) ? 'http' : 'https'}://${name}`,
    ...login,
  });
}

/** Every host this registry was ever reached by: images are pinned by it, and the port may change. */
async function ownHosts(home: string, current: string): Promise<ReadonlySet<string>> {
  const file = join(home, 'config', 'hosts.json');
  const before = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as string[],
    () => [],
  );
  const hosts = new Set([...before, current]);
  if (hosts.size !== before.length) await writeFileAtomic(file, JSON.stringify([...hosts]));
  return hosts;
}
