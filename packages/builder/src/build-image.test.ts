import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { sha256 } from '@tagboat/base';
import { type ImageConfiguration, type ImageManifest, mediaTypes, RegistryClient } from '@tagboat/oci';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildImage } from './index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-build-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** As much of a registry as a build asks of one. */
class TestRegistry implements AsyncDisposable {
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>();
  readonly blobs = new Map<string, Buffer>();
  readonly #server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    const body = await buffer(request);
    const name = decodeURIComponent(pathname.split('/').at(-1)!);
    if (request.method === 'POST') return response.writeHead(202, { location: '/upload' }).end();
    if (pathname === '/upload') {
      this.blobs.set(searchParams.get('digest')!, body);
      return response.writeHead(201).end();
    }
    const isManifest = pathname.includes('/manifests/');
    if (request.method === 'PUT') {
      this.manifests.set(name, { type: request.headers['content-type']!, bytes: body });
      return response.writeHead(201).end();
    }
    const found = isManifest
      ? this.manifests.get(name)
      : this.blobs.has(name) && { type: 'application/octet-stream', bytes: this.blobs.get(name)! };
    if (!found) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': found.type }).end(found.bytes);
  });

  async client(): Promise<RegistryClient> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return new RegistryClient({ url: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` });
  }

  manifest(name: string, type: string, value: object): string {
    const bytes = Buffer.from(JSON.stringify(value));
    for (const reference of [name, sha256(bytes)]) this.manifests.set(reference, { type, bytes });
    return sha256(bytes);
  }

  blob(bytes: Buffer) {
    this.blobs.set(sha256(bytes), bytes);
    return { digest: sha256(bytes), size: bytes.length, mediaType: mediaTypes.layer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A list of images for several platforms, as public ones are. */
function baseIn(registry: TestRegistry, version: string): void {
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/usr/local/bin:/bin', `PYTHON_VERSION=${version}`] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${'1'.repeat(64)}`] },
  };
  const image = {
    schemaVersion: 2,
    config: registry.blob(Buffer.from(JSON.stringify(config))),
    layers: [registry.blob(Buffer.from('layer'))],
  };
  const digest = registry.manifest('image', mediaTypes.manifest, image);
  const manifests = ['amd64', 'arm64'].map((architecture) => ({
    digest,
    platform: { os: 'linux', architecture },
  }));
  registry.manifest('3', mediaTypes.index, { schemaVersion: 2, manifests });
}

async function inputs() {
  const [environment, app, server] = ['environment', 'app', 'server'].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  await mkdir(join(environment, 'bin'), { recursive: true });
  await mkdir(join(environment, 'lib/python3.11/site-packages'), { recursive: true });
  await writeFile(join(environment, 'lib/python3.11/site-packages/thing.py'), '');
  await writeFile(join(environment, 'bin/python'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  await mkdir(app);
  await mkdir(server);
  const model = join(directory, 'model.bin');
  await writeFile(model, 'm');
  return { environment: { directory: environment, key: 'k' }, app, server, model };
}

it('stands on an image of a registry, which may be a list for several platforms', async () => {
  await using registry = new TestRegistry();
  const client = await registry.client();
  baseIn(registry, '3.11.9');
  const base = { registry: { client, reference: `${client.host}/library/python:3`, version: '3.11' } };
  const cacheDirectory = join(directory, 'cache');
  const common = { client, repository: 'demo/m', tags: ['v1'], base, labels: {}, cacheDirectory };
  const more = { ...(await inputs()), variables: { A: 'b' } };
  await buildImage({ ...common, ...more });
  const manifest = JSON.parse(registry.manifests.get('v1')!.bytes.toString()) as ImageManifest;
  expect(manifest.layers).toHaveLength(5);
  const { config } = JSON.parse(registry.blobs.get(manifest.config.digest)!.toString()) as ImageConfiguration;
  expect(config.Cmd?.[0]).toBe('python3');
  expect(config.Env).toContain('PATH=/usr/local/bin:/bin');
  expect(config.Env).toContain(
    'PYTHONPATH=/opt/tagboat/server:/opt/tagboat/app:/opt/tagboat/environment/lib/python3.11/site-packages',
  );
  const cached = await readdir(cacheDirectory);
  expect(cached.filter((name) => name.startsWith('.'))).toEqual([]);
  const model = manifest.layers.at(-1)!.digest;
  const before = registry.blobs.get(model)!;
  await buildImage({ ...common, ...more });
  registry.blobs.delete(model);
  await buildImage({ ...common, ...more });
  expect(registry.blobs.get(model)).toEqual(before);
  expect(await readdir(cacheDirectory)).toEqual(cached);
  baseIn(registry, '3.12.1');
  await expect(buildImage({ ...common, ...more })).rejects.toThrow(/has Python 3.12.1, the environment 3.11/);
  const none = { registry: { ...base.registry, reference: `${client.host}/library/python:4` } };
  await expect(buildImage({ ...common, ...more, base: none })).rejects.toThrow(/there is no image/);
});
