import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Commit } from '@tagboat/git-client';
import { readModelFile } from '@tagboat/render';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StepContext } from './context.ts';
import { download, pinData } from './data.ts';

let directory: string;
let said: string[];
const context = () => new StepContext({}, (line) => said.push(line));
beforeEach(async () => {
  said = [];
  directory = await mkdtemp(join(tmpdir(), 'tagboat-data-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function served(listener: RequestListener, use: (host: string) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it('sends the login of a URL, and shows it nowhere', () =>
  served(
    (request, response) => {
      const known = request.headers.authorization === `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
      response.writeHead(known ? 200 : 401).end('rows');
    },
    async (host) => {
      const target = join(directory, 'data');
      await download(context(), `http://me:p%40ss@${host}/rows`, target);
      expect(await readFile(target, 'utf8')).toBe('rows');
      const refused = download(context(), `http://me:wrong@${host}/rows`, target);
      await expect(refused).rejects.toThrow(`cannot fetch http://${host}/rows: the server answered 401`);
      expect(said.join()).not.toMatch(/p%40ss|wrong/);
    },
  ));

it('digests a source by any name', async () => {
  const [model] = readModelFile(
    'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { artifact: { path: a }, data: [{ name: constructor, path: rows.csv }] }\n',
  );
  const commit = {
    readText: async () => undefined,
    files: async () => [{ path: 'rows.csv', mode: '100644', id: '1', size: 1 }],
    digests: async () => [`sha256:${'1'.repeat(64)}`],
  } as unknown as Commit;
  expect(await pinData(context(), commit, model!)).toMatchObject([{ digest: `sha256:${'1'.repeat(64)}` }]);
});

it('says why what was cut off cannot be had', () =>
  served(
    (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      response.destroy();
    },
    async (host) => {
      const cut = download(context(), `http://${host}/rows`, join(directory, 'data'));
      await expect(cut).rejects.toMatchObject({
        reason: 'Unavailable',
        message: expect.stringMatching(/cannot fetch/),
      });
      await expect(download(context(), 'ftp://x/y', join(directory, 'd'))).rejects.toThrow(/http\(s\) URL/);
    },
  ));
