import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Repository } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { commitFiles, lsRemote } from '@tagboat/git-client';
import { ObjectStore } from '@tagboat/store';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { Hosting, repositoryController, smartHttp } from './index.ts';

it('takes a push over HTTP and records the refs, peeled', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-hosting-'));
  const store = new ObjectStore({});
  const hosting = new Hosting(directory);
  const app = Fastify();
  const key = { type: kinds.Repository, namespace: 'demo', name: 'app' };
  let controller: ReturnType<typeof repositoryController> | undefined;
  try {
    await app.register(
      (scope) =>
        smartHttp(scope, {
          open: async (namespace, name) => (name === 'app' ? hosting.ensure(namespace, name) : undefined),
          pushed: async () => controller?.enqueue(key),
          log: silentLogger,
        }),
      { prefix: '/git' },
    );
    const base = `${await app.listen({ port: 0, host: '127.0.0.1' })}/git`;
    controller = repositoryController({
      store,
      hosting,
      baseUrl: base,
      clock: systemClock,
      log: silentLogger,
    }).start();
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'demo' },
      spec: {},
    });
    const url = `${base}/demo/app.git`;
    const listed = await store.list(kinds.Repository);
    const { commit } = await commitFiles({
      url,
      branch: 'main',
      message: 'one',
      alsoTo: 'refs/tags/v1',
      change: (tree) => tree.write('a', 'x'.repeat(300_000)),
    });
    for await (const { object } of store.watch<Repository>(
      kinds.Repository,
      {},
      { from: listed.resourceVersion },
    ))
      if (object.status?.refs?.['refs/tags/v1'] === commit) break;
    expect((await lsRemote(url)).refs['refs/heads/main']).toBe(commit);
    await expect(lsRemote(`${base}/demo/other.git`)).rejects.toMatchObject({ reason: 'NotFound' });
  } finally {
    await controller?.[Symbol.asyncDispose]();
    await app.close();
    await rm(directory, { recursive: true, force: true });
  }
});

it('tells who wants to push that the disk is full', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-full-'));
  const hosting = new Hosting(directory);
  const app = Fastify();
  try {
    const open = (namespace: string, name: string) => hosting.ensure(namespace, name);
    const options = { open, pushed: async () => undefined, log: silentLogger, freeBytes: async () => 4096 };
    await app.register((scope) => smartHttp(scope, options), { prefix: '/git' });
    const refs = (service: string) => app.inject(`/git/demo/app.git/info/refs?service=git-${service}`);
    expect((await refs('upload-pack')).statusCode).toBe(200);
    const refused = await refs('receive-pack');
    expect([refused.statusCode, refused.body]).toEqual([507, expect.stringMatching(/disk .* is full/)]);
  } finally {
    await app.close();
    await rm(directory, { recursive: true, force: true });
  }
});

it('answers in full when git has heard enough before the request has ended', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-early-'));
  const hosting = new Hosting(directory);
  const app = Fastify();
  try {
    await app.register(
      (scope) =>
        smartHttp(scope, {
          open: (namespace, name) => hosting.ensure(namespace, name),
          pushed: async () => undefined,
          log: silentLogger,
        }),
      { prefix: '/git' },
    );
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    let answer = '';
    const ended = once(socket, 'close');
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
      // The request ends only when the answer has.
      if (answer.endsWith('\r\n0\r\n\r\n')) socket.end('0\r\n\r\n');
    });
    const command = '0014command=ls-refs\n0001' + '0000';
    socket.write(
      'POST /git/demo/empty.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nGit-Protocol: version=2\r\nTransfer-Encoding: chunked\r\n' +
        `Content-Type: application/x-git-upload-pack-request\r\n\r\n${command.length.toString(16)}\r\n${command}\r\n`,
    );
    await ended;
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
    expect(answer).toMatch(/\r\n0\r\n\r\n$/);
  } finally {
    await app.close();
    await rm(directory, { recursive: true, force: true });
  }
});
