import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { arch } from 'node:os';
import { basename, join } from 'node:path';
import { canonicalJson, type Digest, digestOf, invalid, sha256 } from '@tagboat/base';
import {
  type Descriptor,
  directoryEntries,
  fileDigest,
  type ImageConfiguration,
  type ImageManifest,
  imageManifest,
  type Layer,
  type LayerEntry,
  mediaTypes,
  parseManifest,
  parseReference,
  type RegistryClient,
  writeLayer,
} from '@tagboat/oci';
import { environmentLayer, imagePaths, sitePackages } from './environment-layer.ts';
import {
  type CapturedBase,
  readCached,
  readKnown,
  writeCached,
  writeCompiled,
  writeKnown,
} from './host-python.ts';

export interface RegistryBase {
  readonly client: RegistryClient;
  readonly reference: string;
  /** Of the environment's packages, such as `3.11`; the image must have the same. */
  readonly version: string;
}

export interface BuildOptions {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly base: { readonly captured: CapturedBase } | { readonly registry: RegistryBase };
  readonly environment: { readonly directory: string; readonly key: string };
  /** A directory whose files all go into the image. */
  readonly app: string;
  readonly model: string;
  /** A file beside the model: the profile of its inputs. */
  readonly reference?: string;
  /** The directory that holds the model server's package. */
  readonly server: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Layers are kept here by what they were made from. */
  readonly cacheDirectory: string;
  readonly onProgress?: (message: string) => void;
}

export interface BuiltImage {
  readonly digest: Digest;
  /** Compressed bytes of all layers. */
  readonly size: number;
}

interface Base {
  readonly descriptors: readonly Descriptor[];
  readonly layers: readonly Layer[];
  readonly diffIds: readonly Digest[];
  readonly config: ImageConfiguration['config'];
  /** One entry for each layer, and for what made none. */
  readonly history: NonNullable<ImageConfiguration['history']>;
  /** Undefined where nobody knows where it is: it is found on PATH. */
  readonly python: string | undefined;
  readonly version: string;
}

/**
 * Builds and pushes an image without a daemon: base, environment, server, source and model, one layer each. The same
 * inputs give the same digest.
 */
export async function buildImage(options: BuildOptions): Promise<BuiltImage> {
  const { client, repository, onProgress = () => undefined } = options;
  const base = await baseOf(options);
  onProgress('environment layer');
  const environment = await environmentLayer({
    ...options.environment,
    version: base.version,
    python: base.python,
    cacheDirectory: options.cacheDirectory,
  });
  const place = (path: string) => path.slice(1);
  const server = await cachedLayer(
    options,
    await directoryEntries(options.server, place(imagePaths.server), isServer),
    { python: join(options.environment.directory, 'bin', 'python'), version: base.version },
  );
  const app = await cachedLayer(options, [
    // Where nothing is served but the model, the directory that the server starts in is there all the same.
    { kind: 'directory', path: place(imagePaths.app) },
    ...(await directoryEntries(options.app, place(imagePaths.app), isSource)),
  ]);
  await using model = await modelLayer(
    options,
    [options.model, ...(options.reference ? [options.reference] : [])].map((source) => ({
      kind: 'file',
      path: `${place(imagePaths.model)}/${basename(source)}`,
      source,
    })),
  );
  const own = [environment, server, app, model.layer];
  const config = configuration(options, base, own);
  const configBytes = new TextEncoder().encode(canonicalJson(config));
  const configDescriptor = {
    mediaType: mediaTypes.config,
    digest: sha256(configBytes),
    size: configBytes.length,
  };
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: configDescriptor,
    layers: [...base.descriptors, ...own.map(({ descriptor }) => descriptor)],
  };
  onProgress('push');
  for (const layer of [...base.layers, ...own])
    await client.putBlob(repository, layer.descriptor, { path: layer.path });
  await client.putBlob(repository, configDescriptor, { bytes: configBytes });
  const bytes = new TextEncoder().encode(canonicalJson(manifest));
  const digest = sha256(bytes);
  for (const reference of [digest, ...options.tags])
    await client.putManifest(repository, reference, { bytes, mediaType: mediaTypes.manifest });
  return { digest, size: manifest.layers.reduce((sum, { size }) => sum + size, 0) };
}

const isSource = (path: string) => !/(^|\/)(__pycache__|\.git)(\/|$)|\.pyc$/.test(path);

/** The model server without its tests: the same layer from a checkout and from the published package. */
const isServer = (path: string) => isSource(path) && !/^(tests|README\.md)(\/|$)/.test(path);

async function baseOf(options: BuildOptions): Promise<Base> {
  const { base } = options;
  if ('captured' in base) {
    const { layers, environment, python, version } = base.captured;
    return {
      descriptors: layers.map(({ descriptor }) => descriptor),
      layers,
      diffIds: layers.map(({ diffId }) => diffId),
      config: { Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`) },
      history: layers.map(() => ({ created_by: `Python ${version} with the libraries it needs` })),
      python,
      version,
    };
  }
  return registryBase(options, base.registry);
}

/** An image of a registry: its layers go to where the image goes. @throws `NotFound`, `Invalid` for one of another Python */
async function registryBase(
  { client, repository, cacheDirectory }: BuildOptions,
  { client: from, reference, version }: RegistryBase,
): Promise<Base> {
  const { repository: source, tag, digest } = parseReference(reference);
  const found = await imageManifest(from, { repository: source, reference: digest ?? tag ?? 'latest' });
  const manifest = parseManifest<ImageManifest>(found);
  const config = JSON.parse(
    Buffer.from(await from.getBlob(source, manifest.config.digest)).toString('utf8'),
  ) as ImageConfiguration;
  const has = config.config.Env?.find((line) => line.startsWith('PYTHON_VERSION='))?.split('=')[1];
  if (has !== undefined && !`${has}.`.startsWith(`${version}.`))
    throw invalid(`the base image ${reference} has Python ${has}, the environment ${version}`, {
      hint: 'name a base image of the same version in image.base, or that version in environment.python',
    });
  for (const layer of manifest.layers) {
    if (await client.hasBlob(repository, layer.digest)) continue;
    const path = join(cacheDirectory, `.base.${randomUUID()}`);
    await mkdir(cacheDirectory, { recursive: true });
    try {
      await from.downloadBlob(source, layer.digest, path);
      await client.putBlob(repository, layer, { path });
    } finally {
      await rm(path, { force: true });
    }
  }
  return {
    descriptors: manifest.layers,
    layers: [],
    diffIds: config.rootfs.diff_ids,
    config: config.config,
    history: config.history ?? manifest.layers.map(() => ({ created_by: `base image ${reference}` })),
    python: undefined,
    version,
  };
}

/**
 * The layer of a model. Of it only the digests are remembered: every version has a model of its own, which may be large, and
 * the registry keeps it.
 */
async function modelLayer(
  { client, repository, cacheDirectory }: BuildOptions,
  entries: readonly LayerEntry[],
): Promise<AsyncDisposable & { readonly layer: Layer }> {
  const key = await contentKey('model', entries);
  const known = await readKnown(cacheDirectory, key);
  if (known && (await client.hasBlob(repository, known.descriptor.digest)))
    return { layer: known, [Symbol.asyncDispose]: async () => undefined };
  const path = join(cacheDirectory, `.model.${randomUUID()}.tar.gz`);
  const layer = await writeLayer(entries, path);
  await writeKnown(cacheDirectory, key, layer);
  return { layer, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** A layer by the content of its entries, made once; with their bytecode where an interpreter is given. */
async function cachedLayer(
  options: BuildOptions,
  entries: readonly LayerEntry[],
  compiler?: { readonly python: string; readonly version: string },
): Promise<Layer> {
  const { cacheDirectory } = options;
  const key = await contentKey(compiler ? `bytecode ${compiler.version}` : '', entries);
  const cached = await readCached(cacheDirectory, key);
  if (cached) return cached;
  return compiler
    ? writeCompiled(cacheDirectory, key, { entries, python: compiler.python })
    : writeCached(cacheDirectory, key, entries);
}

async function contentKey(kind: string, entries: readonly LayerEntry[]): Promise<Digest> {
  const hash = createHash('sha256').update(`layer 3 ${kind}\n`);
  for (const entry of [...entries].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${entry.kind} ${entry.path} ${entry.kind === 'link' ? entry.target : ''}\n`);
    if (entry.kind !== 'file') continue;
    hash.update(entry.executable ? 'x' : '-');
    hash.update(typeof entry.source === 'string' ? await fileDigest(entry.source) : sha256(entry.source));
  }
  return digestOf(hash);
}

/** Of our own layers, in their order. */
const contents = ['Python packages', 'model server', 'source that serving needs', 'model'];

function configuration(options: BuildOptions, base: Base, own: readonly Layer[]): ImageConfiguration {
  const inherited = new Map(
    (base.config.Env ?? []).map((line) => [
      line.slice(0, line.indexOf('=')),
      line.slice(line.indexOf('=') + 1),
    ]),
  );
  const path = inherited.get('PATH') ?? '/usr/local/bin:/usr/bin:/bin';
  const variables: Record<string, string> = {
    ...Object.fromEntries(inherited),
    PATH: base.python === undefined ? path : `${imagePaths.environment}/bin:${path}`,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    HOME: '/tmp',
    TAGBOAT_APP_DIR: imagePaths.app,
    MODEL_PATH: `${imagePaths.model}/${basename(options.model)}`,
    PORT: '8080',
    ...options.variables,
    PYTHONPATH: [
      options.variables.PYTHONPATH ?? `${imagePaths.server}:${imagePaths.app}`,
      ...(base.python === undefined ? [`${imagePaths.environment}/${sitePackages(base.version)}`] : []),
    ].join(':'),
  };
  return {
    architecture: arch() === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: {
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      Cmd: [base.python === undefined ? 'python3' : 'python', '-m', 'tagboat_serve'],
      WorkingDir: imagePaths.app,
      User: '1001:0',
      ExposedPorts: { '8080/tcp': {} },
      Labels: { ...options.labels },
    },
    history: [...base.history, ...contents.map((created_by) => ({ created_by }))],
    rootfs: { type: 'layers', diff_ids: [...base.diffIds, ...own.map(({ diffId }) => diffId)] },
  };
}
