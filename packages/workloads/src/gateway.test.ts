import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  get,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
} from 'node:http';
import { type AddressInfo, createServer as createConnections, type Socket } from 'node:net';
import { kinds, type Pod, type Service } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { deleteIfPresent, mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Gateway, RouteTable } from './index.ts';

let store: ObjectStore;
let routes: RouteTable;
let gateway: Gateway;
let front: Server;
/** Milliseconds that the gateway believes to have passed besides. */
let passed: number;
const open: Server[] = [];

beforeEach(async () => {
  store = new ObjectStore({});
  routes = new RouteTable({ reader: store, clock: systemClock, log: silentLogger });
  passed = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passed };
  gateway = new Gateway({ routes, clock, log: silentLogger });
  front = createServer(gateway.handle).on('upgrade', gateway.upgrade);
  await listening(front);
  await store.create<Service>({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'n' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  });
});
afterEach(async () => {
  for (const server of [front, ...open.splice(0)]) {
    server.close();
    server.closeAllConnections?.();
  }
  gateway.close();
  await routes[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

/** A pod that is ready, served by the given server. */
async function pod(name: string, server: Server): Promise<void> {
  open.push(server);
  await listening(server);
  await store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'n', labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: portOf(server) }] }] },
  });
  await mutateStatus<Pod>(store, { type: kinds.Pod, namespace: 'n', name }, (draft) => {
    draft.status = { phase: 'Running', podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] };
  });
  await until(() => routes.backends('n', 'web')?.some((backend) => backend.pod === name) ?? false);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await routes.changed(new AbortController().signal);
}

const ask = () =>
  new Promise<string>((resolve, reject) => {
    get({ port: portOf(front), host: '127.0.0.1', path: '/n/web/', agent: false }, async (answer) => {
      let text = '';
      for await (const part of answer) text += part;
      resolve(`${answer.statusCode} ${text}`);
    }).on('error', reject);
  });

it("passes on a pod's cookies, and none that would sign the owner out", async () => {
  const headers = {
    'set-cookie': ['mine=2; Path=/', 'tagboat-8080=owned; Path=/', 'tagboat-workbench=; Max-Age=0'],
    'clear-site-data': '"cookies"',
  };
  await pod(
    'web',
    createServer((_, response) => response.writeHead(200, headers).end()),
  );
  const [answer] = (await once(get({ port: portOf(front), path: '/n/web/' }), 'response')) as [
    IncomingMessage,
  ];
  answer.resume();
  expect(answer.headers['set-cookie']).toEqual(['mine=2; Path=/']);
  expect(answer.headers['clear-site-data']).toBeUndefined();
});

it('loses no request while pods change, and waits for a service that served a moment ago', async () => {
  await pod(
    'first',
    createServer((_, response) => response.end('first')),
  );
  const answers: Promise<string>[] = [];
  for (let index = 0; index < 20; index++) answers.push(ask());
  await pod(
    'second',
    createServer((_, response) => response.end('second')),
  );
  for (let index = 0; index < 20; index++) answers.push(ask());
  // The first goes without a word, as a pod that crashes does; the table learns of it later.
  await Promise.all(answers.splice(0));
  open[0]!.close();
  open[0]!.closeAllConnections();
  for (let index = 0; index < 20; index++) answers.push(ask());
  expect(new Set(await Promise.all(answers.splice(0)))).toEqual(new Set(['200 second']));
  for (const name of ['first', 'second'])
    await deleteIfPresent(store, { type: kinds.Pod, namespace: 'n', name });
  await until(() => routes.backends('n', 'web')?.length === 0);
  const waiting = ask();
  await pod(
    'third',
    createServer((_, response) => response.end('third')),
  );
  expect(await waiting).toBe('200 third');
});

it('passes websockets on, without credentials, both ways and in full', async () => {
  let seen: IncomingHttpHeaders = {};
  const echo = createServer();
  echo.on('upgrade', (asked, socket: Socket) => {
    seen = asked.headers;
    const accept = createHash('sha1')
      .update(`${asked.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  await pod('echo', echo);
  const asked = request({
    host: '127.0.0.1',
    port: portOf(front),
    path: '/n/web/socket?x=1',
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      authorization: 'Bearer secret',
      cookie: 'tagboat=1; mine=2',
    },
  });
  asked.end();
  const [answer, socket] = (await once(asked, 'upgrade')) as [{ headers: IncomingHttpHeaders }, Socket];
  expect(answer.headers['sec-websocket-accept']).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  expect(seen).toMatchObject({ cookie: 'mine=2', 'x-forwarded-prefix': '/n/web' });
  expect(seen.authorization).toBeUndefined();
  // More than any buffer between holds: the sender waits for the reader.
  const sent = Buffer.alloc(4 * 2 ** 20, 'x');
  socket.end(sent);
  let received = 0;
  for await (const part of socket) received += (part as Buffer).length;
  expect(received).toBe(sent.length);
});

it.each([
  ['a status that is none', 'HTTP/1.1 042 Odd\r\ncontent-length: 0\r\n\r\n'],
  ['a reason that may not be passed on', 'HTTP/1.1 200 a\u0001b\r\ncontent-length: 0\r\n\r\n'],
  ['a protocol that nobody asked for', 'HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ['no HTTP', 'hello\r\n\r\n'],
])('a pod that answers with %s gets the client an answer all the same', async (_, text) => {
  const odd = createConnections((socket) =>
    socket.on('error', () => undefined).once('data', () => socket.end(text)),
  );
  await pod('odd', odd as unknown as Server);
  passed = 60_000;
  expect(await ask()).toMatch(/^(200|502|503) /);
});

it('a request that ends every pod that gets it is not sent for ever', async () => {
  let times = 0;
  const ending = createServer((request) => {
    times++;
    request.socket.destroy();
    // Something else changes meanwhile, as it always does.
    setImmediate(() =>
      store.create({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: `other-${times}`, namespace: 'n' },
      }),
    );
  });
  await pod('ending', ending);
  expect(await ask()).toMatch(/^503 .*no pod of it answers/);
  expect(times).toBeLessThan(8);
});

it('answers an upgrade to nothing with 404', async () => {
  const asked = request({
    host: '127.0.0.1',
    port: portOf(front),
    path: '/n/none/',
    headers: { connection: 'Upgrade', upgrade: 'websocket' },
  });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [{ statusCode: number }];
  expect(answer.statusCode).toBe(404);
});
