import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LogRequest, Pod, PodAccess } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { serveLog } from './pod-log.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n' },
  spec: { containers: [{ name: 'c', image: 'i' }] },
};

function serving(logs: (request: LogRequest) => AsyncIterable<string>) {
  const app = Fastify();
  const access = { logs } as PodAccess;
  app.get('/', (request, reply) =>
    serveLog({
      ...{ pod, reply, access, clock: new ManualClock(), log: silentLogger },
      query: request.query as Record<string, string>,
    }),
  );
  return { app, [Symbol.asyncDispose]: () => app.close() };
}

test('the log of a client that goes while it is sent is closed', async () => {
  const closed = Promise.withResolvers<void>();
  const endless = async function* () {
    try {
      for (;;) yield 'x'.repeat(2 ** 20);
    } finally {
      closed.resolve();
    }
  };
  await using server = serving(endless);
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.app.server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', agent: false }, (response) => {
    response.once('data', () => request.destroy());
    response.on('error', () => undefined);
  });
  request.on('error', () => undefined);
  await closed.promise;
});

test('so is one whose first line the client did not wait for', async () => {
  const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using server = serving(async function* ({ signal }) {
    try {
      asked.resolve();
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      yield 'late';
      yield 'later';
    } finally {
      closed.resolve();
    }
  });
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.app.server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', agent: false });
  request.on('error', () => undefined);
  await asked.promise;
  request.destroy();
  await closed.promise;
});

test('a log since long before there was any time is all of it', async () => {
  const asked: LogRequest[] = [];
  await using server = serving(async function* (request) {
    asked.push(request);
    yield 'a line\n';
  });
  const answer = await server.app.inject('/?sinceSeconds=999999999999999');
  expect([answer.statusCode, answer.body]).toEqual([200, 'a line\n']);
  expect(asked[0]!.sinceTime).toBe('1970-01-01T00:00:00.000Z');
});
