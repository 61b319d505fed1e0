import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { sha256, silentLogger } from '@tagboat/base';
import { pullArtifact, pushAhead, pushArtifact, RegistryClient } from '@tagboat/oci';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore, describeRepository, listRepositories, registryPlugin } from './index.ts';

const app = Fastify();
let directory: string;
let url: string;
let client: RegistryClient;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-registry-'));
  const store = new BlobStore(join(directory, 'blobs'));
  await app.register((scope) => registryPlugin(scope, { store, log: silentLogger }), { prefix: '/v2' });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
  client = new RegistryClient({ url });
});
afterAll(async () => {
  await app.close();
  await rm(directory, { recursive: true, force: true });
});

const bytes = (text: string) => new TextEncoder().encode(text);

describe('registry', () => {
  it('keeps artifacts by digest and tag, the same files giving the same digest', async () => {
    const path = join(directory, 'model.bin');
    await writeFile(path, 'weights');
    const artifact = {
      repository: 'demo/m/model',
      tags: ['v1'],
      artifactType: 'application/x.model',
      files: [{ name: 'models/m.bin', path }],
      annotations: { a: 'b' },
    };
    const digest = await pushArtifact(client, artifact);
    expect(await pushArtifact(client, artifact)).toBe(digest);
    const pulled = await pullArtifact(
      client,
      { repository: 'demo/m/model', reference: 'v1' },
      join(directory, 'out'),
    );
    expect(pulled).toMatchObject({ digest, annotations: { a: 'b' }, files: ['models/m.bin'] });
    expect(await readFile(join(directory, 'out/models/m.bin'), 'utf8')).toBe('weights');
    expect(await client.tags('demo/m/model')).toEqual(['v1']);
  });

  it('uploads ahead what an artifact will hold: then nothing of it is uploaded again', async () => {
    const files = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({
      name,
      path: join(directory, `ahead-${name}`),
    }));
    for (const { name, path } of files) await writeFile(path, `content of ${name}`);
    const about = { repository: 'demo/ahead', artifactType: 'application/x.model', files };
    await pushAhead(client, about);
    let uploads = 0;
    const counting = new (class extends RegistryClient {
      override async putBlob(...blob: Parameters<RegistryClient['putBlob']>) {
        if (!(await this.hasBlob(blob[0], blob[1].digest))) uploads++;
        return super.putBlob(...blob);
      }
    })({ url });
    await writeFile(files[0]!.path, 'changed since');
    const digest = await pushArtifact(counting, about);
    // The changed file, and the empty configuration.
    expect(uploads).toBe(2);
    const source = { repository: about.repository, reference: digest };
    await pullArtifact(client, source, join(directory, 'out'));
    expect(await readFile(join(directory, 'out/a'), 'utf8')).toBe('changed since');
    expect(await readFile(join(directory, 'out/f'), 'utf8')).toBe('content of f');
  });

  it('lists manifests newest first with tags, layers and sizes', async () => {
    const path = join(directory, 'listed.bin');
    await writeFile(path, 'twelve bytes');
    const artifact = {
      repository: 'demo/listed',
      artifactType: 'application/x.model',
      annotations: { run: 'r' },
    };
    const files = [{ name: 'm.bin', path }];
    const digest = await pushArtifact(client, { ...artifact, tags: ['v1', 'v2'], files });
    const store = new BlobStore(join(directory, 'blobs'));
    expect(await listRepositories(store)).toContainEqual({ name: 'demo/listed', tags: 2, manifests: 1 });
    const { total, items } = await describeRepository(store, 'demo/listed');
    expect(total).toBe(1);
    expect(items[0]).toMatchObject({
      digest,
      artifactType: 'application/x.model',
      tags: ['v1', 'v2'],
      size: 14,
      layers: [{ title: 'm.bin', size: 12 }],
      annotations: { run: 'r' },
    });
    expect(await describeRepository(store, 'demo/listed', 1)).toEqual({ total: 1, items: [] });
    await expect(describeRepository(store, 'demo/none')).rejects.toThrow('no image repository');
  });

  it('takes uploads in chunks and refuses a gap and a wrong digest', async () => {
    const start = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: 'POST' });
    const location = url + start.headers.get('location');
    const patch = (range: string, body: string) =>
      fetch(location, {
        method: 'PATCH',
        headers: { 'content-range': range, 'content-type': 'application/octet-stream' },
        body,
      });
    expect((await patch('0-2', 'abc')).headers.get('range')).toBe('0-2');
    expect((await patch('9-11', 'xyz')).status).toBe(416);
    const gap = await fetch(`${location}?digest=${sha256('abcdef')}`, {
      method: 'PUT',
      headers: { 'content-range': '9-11' },
      body: 'xyz',
    });
    expect([gap.status, gap.headers.get('range')]).toEqual([416, '0-2']);
    const end = await fetch(`${location}?digest=${sha256('abcdef')}`, { method: 'PUT', body: 'def' });
    expect(end.status).toBe(201);
    const part = await fetch(`${url}/v2/a/b/blobs/${sha256('abcdef')}`, { headers: { range: 'bytes=1-3' } });
    expect([part.status, await part.text()]).toEqual([206, 'bcd']);
    const wrong = await fetch(`${url}/v2/a/b/blobs/uploads/?digest=${sha256('x')}`, {
      method: 'POST',
      body: 'y',
    });
    expect(await wrong.json()).toMatchObject({ errors: [{ code: 'DIGEST_INVALID' }] });
  });

  it('shows a blob only in repositories that hold it, and mounts', async () => {
    const data = bytes('shared');
    const digest = sha256(data);
    await client.putBlob('one', { digest, size: data.length }, { bytes: data });
    expect(await client.hasBlob('two', digest)).toBe(false);
    const mounted = await fetch(`${url}/v2/two/blobs/uploads/?mount=${digest}&from=one`, { method: 'POST' });
    expect(mounted.status).toBe(201);
    expect(await client.hasBlob('two', digest)).toBe(true);
  });

  it('refuses manifests that name absent blobs, bad names and unknown tags', async () => {
    const missing = JSON.stringify({
      schemaVersion: 2,
      config: { digest: sha256('no'), size: 2, mediaType: 'x' },
    });
    const put = await fetch(`${url}/v2/one/manifests/t`, { method: 'PUT', body: missing });
    expect([put.status, await put.json()]).toMatchObject([
      404,
      { errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] },
    ]);
    expect((await fetch(`${url}/v2/UPPER/manifests/t`)).status).toBe(400);
    expect((await fetch(`${url}/v2/one/manifests/.no-tag`)).status).toBe(404);
    const odd = await fetch(`${url}/v2/one/manifests/.no-tag`, { method: 'PUT', body: '{}' });
    expect(odd.status).toBe(400);
    expect((await fetch(`${url}/v2/one/manifests/${sha256('{}')}`)).status).toBe(404);
    expect(await client.getManifest('one', 'nope')).toBeUndefined();
  });

  const digest = sha256('{}');
  it.each([
    ['layers that are no list', { layers: 5 }],
    ['a layer that is nothing', { layers: [null] }],
    ['a digest that is a path', { config: { digest: 'sha256:../../../x' } }],
    ['a config that is nothing', { config: null }],
    ['a subject without a digest', { subject: { digest: 'a\r\nb' } }],
    ['nothing at all', null],
    ['a list for an object', []],
  ])('refuses a manifest with %s, as what it is', async (_, manifest) => {
    const put = await fetch(`${url}/v2/odd/manifests/t`, { method: 'PUT', body: JSON.stringify(manifest) });
    expect([put.status, await put.json()]).toMatchObject([400, { errors: [{ code: 'MANIFEST_INVALID' }] }]);
  });

  it.each([
    ['GET', '/v2/one/tags/list?n=x', 400],
    ['GET', '/v2/one/tags/list?n=-1', 400],
    ['GET', '/v2/%25zz/manifests/t', 400],
    ['GET', '/v2/one%252f..%252ftwo/manifests/t', 400],
    ['POST', `/v2/one/blobs/uploads/?mount=${digest}&from=../../one`, 202],
    ['POST', `/v2/one/blobs/uploads/?mount=${digest}&mount=${digest}&from=a&from=b`, 202],
    ['PUT', `/v2/one/blobs/uploads/x?digest=${digest}&digest=${digest}`, 404],
    ['POST', `/v2/one/blobs/uploads/?digest=${digest}&digest=${digest}`, 400],
  ])('%s %s is %i', async (method, path, status) => {
    expect((await fetch(url + path, { method })).status).toBe(status);
  });

  it('says that it is the content type that it does not understand', async () => {
    const put = await fetch(`${url}/v2/one/manifests/t`, {
      method: 'PUT',
      headers: { 'content-type': 'x' },
      body: '{}',
    });
    expect([put.status, await put.json()]).toMatchObject([415, { errors: [{ code: 'UNSUPPORTED' }] }]);
  });

  it('ends an upload once, however often that is asked', async () => {
    const start = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: 'POST', body: '' });
    const location = url + start.headers.get('location');
    const data = 'x'.repeat(1e6);
    await fetch(location, { method: 'PATCH', body: data });
    const end = () => fetch(`${location}?digest=${sha256(data)}`, { method: 'PUT' });
    const statuses = (await Promise.all([end(), end(), end()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([201, expect.toBeOneOf([404, 409]), expect.toBeOneOf([404, 409])]);
    const blob = await fetch(`${url}/v2/a/b/blobs/${sha256(data)}`);
    expect(sha256(await blob.text())).toBe(sha256(data));
  });

  it('writes nothing more to a blob that is stored, whoever still uploads to it', async () => {
    const store = new BlobStore(join(directory, 'blobs'));
    const id = await store.startUpload();
    const slow = new PassThrough();
    const appending = store.append(id, slow);
    slow.write('stored');
    while ((await store.uploadSize(id)) !== 6) await setImmediate();
    const end = () => store.finishUpload('late', id, sha256('stored'));
    await expect(end()).rejects.toMatchObject({ code: 'BLOB_UPLOAD_INVALID', status: 409 });
    await expect(store.append(id, Readable.from(['x']))).rejects.toMatchObject({ status: 409 });
    await expect(store.cancelUpload(id)).rejects.toMatchObject({ status: 409 });
    slow.end();
    await appending;
    await end();
    expect(await store.hasBlob('late', sha256('stored'))).toBe(6);
  });

  it('takes what is named by sha512, and layers that stay elsewhere', async () => {
    const sha512 = (text: string) => `sha512:${createHash('sha512').update(text).digest('hex')}`;
    const put = (path: string, body: string) => fetch(`${url}/v2/long/${path}`, { method: 'PUT', body });
    const start = await fetch(`${url}/v2/long/blobs/uploads/?digest=${sha512('x')}`, {
      method: 'POST',
      body: 'x',
    });
    expect(start.status).toBe(201);
    expect(await (await fetch(`${url}/v2/long/blobs/${sha512('x')}`)).text()).toBe('x');
    const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
    const manifest = JSON.stringify({
      config: { digest: sha512('x'), size: 1, mediaType: 'x' },
      layers: [{ mediaType: foreign, digest: sha256('not here'), size: 8 }],
    });
    expect((await put(`manifests/${sha512(manifest)}`, manifest)).status).toBe(201);
    expect((await put('manifests/v1', manifest)).headers.get('docker-content-digest')).toBe(sha256(manifest));
    expect((await put(`manifests/${sha512('other')}`, manifest)).status).toBe(400);
    const store = new BlobStore(join(directory, 'blobs'));
    expect(await store.manifests('long')).toHaveLength(2);
    expect(await (await fetch(`${url}/v2/long/manifests/${sha512(manifest)}`)).text()).toBe(manifest);
  });

  it('has no repository where others only begin with its name', async () => {
    await client.putManifest('deep/er/est', 'v1', { bytes: bytes('{}'), mediaType: 'application/json' });
    expect((await fetch(`${url}/v2/deep/er/tags/list`)).status).toBe(404);
    expect((await fetch(`${url}/v2/deep/er/est/tags/list`)).status).toBe(200);
  });

  it('forgets uploads that nobody went on with', async () => {
    const store = new BlobStore(join(directory, 'blobs'));
    const id = await store.startUpload();
    await store.removeAbandoned(Date.now() - 3600_000);
    expect(await store.uploadSize(id)).toBe(0);
    await store.removeAbandoned(Date.now() + 3600_000);
    expect(await store.uploadSize(id)).toBeUndefined();
  });

  it('says that the disk is full, and leaves nothing of what it could not keep', async () => {
    const store = new BlobStore(join(directory, 'blobs'));
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const half = async function* () {
      yield Buffer.from('half');
      throw full;
    };
    const id = await store.startUpload();
    await store.append(id, Readable.from(['first']));
    await expect(store.append(id, Readable.from(half()))).rejects.toBe(full);
    expect(await store.uploadSize(id)).toBe(5);
    await store.cancelUpload(id);
    const spare = new (class extends BlobStore {
      override async append(): Promise<number> {
        throw full;
      }
    })(join(directory, 'full'));
    const other = Fastify();
    await other.register((scope) => registryPlugin(scope, { store: spare, log: silentLogger }), {
      prefix: '/v2',
    });
    const put = await other.inject({
      method: 'POST',
      url: `/v2/a/blobs/uploads/?digest=${sha256('x')}`,
      payload: 'x',
    });
    expect([put.statusCode, put.json()]).toMatchObject([
      507,
      { errors: [{ message: expect.stringContaining('disk of the registry is full') }] },
    ]);
    expect(await readdir(join(directory, 'full', 'uploads'))).toEqual([]);
  });
});
