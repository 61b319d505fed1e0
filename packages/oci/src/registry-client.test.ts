import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { sha256 } from '@tagboat/base';
import { expect, test } from 'vitest';
import { parseManifest, RegistryClient } from './registry-client.ts';

type Answering = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** A registry that answers as told. @returns its client, and what it was asked */
async function registry(answering: Answering) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    asked.push(`${request.method} ${request.url} ${body.length}`);
    answering(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    client: new RegistryClient({ url }),
    asked,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const bytes = new TextEncoder().encode('some');
const digest = sha256(bytes);

test('a small blob is sent with the question for an upload, where the registry takes it so', async () => {
  using made = await registry(({ method }, response) =>
    response.writeHead(method === 'HEAD' ? 404 : 201).end(),
  );
  await made.client.putBlob('a/b', { digest, size: bytes.length }, { bytes });
  expect(made.asked).toEqual([
    `HEAD /v2/a/b/blobs/${digest} 0`,
    `POST /v2/a/b/blobs/uploads/?digest=${digest} 4`,
  ]);
});

test.each([202, 400])('a registry that answers %i to that gets the blob in two steps', async (code) => {
  using made = await registry(({ method, url }, response) => {
    const status = { HEAD: 404, PUT: 201, POST: url!.includes('digest') ? code : 202 }[method!]!;
    response.writeHead(status, { location: '/v2/a/b/blobs/uploads/7?state=x' }).end();
  });
  await made.client.putBlob('a/b', { digest, size: bytes.length }, { bytes });
  expect(made.asked.slice(2)).toEqual([
    'POST /v2/a/b/blobs/uploads/ 0',
    `PUT /v2/a/b/blobs/uploads/7?state=x&digest=${encodeURIComponent(digest)} 4`,
  ]);
});

test('a large file is asked for before it is sent, and sent anew after a login', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-oci-'));
  try {
    const path = join(directory, 'large');
    await writeFile(path, Buffer.alloc(2 << 20));
    let puts = 0;
    using made = await registry(({ method, url, headers }, response) => {
      if (url!.startsWith('/token')) return response.end(JSON.stringify({ token: 't' }));
      if (method === 'PUT' && ++puts === 1) {
        const realm = `http://${headers.host}/token`;
        return response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end();
      }
      const status = { HEAD: 404, POST: 202, PUT: 201 }[method!]!;
      return response.writeHead(status, { location: '/v2/a/b/blobs/uploads/7' }).end();
    });
    await made.client.putBlob('a/b', { digest, size: 2 << 20 }, { path });
    expect(made.asked.map((line) => line.replace(/ \S+ /, ' '))).toEqual([
      'HEAD 0',
      'POST 0',
      `PUT ${2 << 20}`,
      'GET 0',
      `PUT ${2 << 20}`,
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('a blob that is elsewhere is followed there', async () => {
  using made = await registry(({ url }, response) =>
    url === '/elsewhere' ? response.end('some') : response.writeHead(307, { location: '/elsewhere' }).end(),
  );
  expect(Buffer.from(await made.client.getBlob('a/b', digest)).toString()).toBe('some');
});

test('an upload that goes on at another host goes there without the login', async () => {
  const seen: (string | undefined)[] = [];
  using elsewhere = await registry(({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(201).end();
  });
  using made = await registry(({ method, headers }, response) => {
    const location = `http://${elsewhere.client.host}/uploads/1?state=x`;
    const status = headers.authorization ? { HEAD: 404, POST: 202 }[method!]! : 401;
    response.writeHead(status, { location }).end();
  });
  const access = { url: `http://${made.client.host}`, username: 'u', password: 'p' };
  await new RegistryClient(access).putBlob('a/b', { digest, size: bytes.length }, { bytes });
  expect(seen).toEqual([undefined]);
});

test('a registry that asks for a token and does not say where is one that refuses', async () => {
  using made = await registry((_, response) =>
    response.writeHead(401, { 'www-authenticate': 'Bearer x="y"' }).end(),
  );
  await expect(made.client.tags('a/b')).rejects.toMatchObject({ reason: 'Unauthorized' });
});

test('what is to be held in memory is read up to a limit', async () => {
  using made = await registry((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(2 ** 20)));
      response.once('drain', more);
    };
    more();
  });
  await expect(made.client.getBlob('a/b', digest)).rejects.toMatchObject({ reason: 'TooLarge' });
});

test('a registry that is not there is named, with the reason', async () => {
  const client = new RegistryClient({ url: 'http://127.0.0.1:1' });
  await expect(client.hasBlob('a/b', digest)).rejects.toMatchObject({
    reason: 'Unavailable',
    message: 'the registry 127.0.0.1:1 cannot be reached: ECONNREFUSED',
  });
});

test.each<[string, string]>([
  ['no JSON', '{'],
  ['a layer whose digest is a path', '{"layers":[{"digest":"sha256:../../../etc"}]}'],
  ['a layer that is nothing', '{"layers":[null]}'],
  ['a config without a digest', '{"config":{}}'],
  ['an image of another kind of digest', '{"manifests":[{"digest":"md5:x"}]}'],
])('a manifest with %s is refused: digests become names of files', (_, text) => {
  const bytes = new TextEncoder().encode(text);
  expect(() => parseManifest({ bytes, digest: sha256(bytes), mediaType: 'x' })).toThrow(
    expect.objectContaining({ reason: 'Invalid' }),
  );
});
