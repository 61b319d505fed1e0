import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { kinds, type Notebook, type Pod } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { idleCondition } from './activity.ts';
import { cookieName, ticketParameter, WorkbenchGate } from './gate.ts';
import { Passes } from './passes.ts';
import { podOf, tokenSecretOf } from './pod-of.ts';
import { WorkbenchTable } from './workbench-table.ts';

let stack: AsyncDisposableStack;
let store: ObjectStore;
let passes: Passes;
let gate: WorkbenchGate;
let notebook: Notebook;
let base: string;
let seen: IncomingMessage[];

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  seen = [];
  store = stack.use(new ObjectStore({}));
  const jupyter = createServer((asked, response) => {
    seen.push(asked);
    response.setHeader('set-cookie', ['_xsrf=1; Path=/', 'username-localhost=secret; Path=/']);
    response.end('from jupyter');
  });
  jupyter.on('upgrade', (asked, socket) => {
    seen.push(asked);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello',
    );
    socket.on('error', () => undefined);
  });
  const port = await listen(jupyter);
  notebook = await store.create<Notebook>({
    apiVersion: 'kubeflow.org/v1',
    kind: 'Notebook',
    metadata: { name: 'ada', namespace: 'demo' },
    spec: {
      template: { spec: { containers: [{ name: 'ada', image: 'quay.io/jupyter/minimal-notebook' }] } },
    },
  });
  await store.create(tokenSecretOf(notebook, 'servers-own-token'));
  const pod = await store.create<Pod>(podOf({ notebook }));
  const conditions = [{ type: 'Ready', status: 'True' as const }];
  await store.updateStatus<Pod>({ ...pod, status: { podIP: '127.0.0.1', hostPort: port, conditions } });
  const table = stack.use(new WorkbenchTable({ reader: store, clock: systemClock, log: silentLogger }));
  await new Promise<void>((resolve) => {
    using listening = table.listen(() => table.upstream('demo', 'ada') && resolve());
    void listening;
    const look = () => (table.upstream('demo', 'ada') ? resolve() : setImmediate(look));
    look();
  });
  passes = new Passes(new Uint8Array(32), systemClock);
  gate = new WorkbenchGate({
    store,
    table,
    passes,
    followLog: async function* () {},
    isOwner: async (authorization) => authorization === 'Bearer owner',
    openUrl: () => 'http://console/open',
    clock: systemClock,
    log: silentLogger,
  });
  stack.defer(() => gate.close());
  const apps = createServer(gate.handle);
  apps.on('upgrade', gate.upgrade);
  base = `http://localhost:${await listen(apps)}`;
});
afterEach(() => stack.disposeAsync());

const subject = () => ({ namespace: 'demo', name: 'ada', uid: notebook.metadata.uid! });
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${base}${path}`, { headers, method, redirect: 'manual' });
const cookie = () => ({ cookie: `other=1; ${cookieName}=${passes.cookie(subject())}` });

it('exchanges a ticket once for a cookie of this path, and leaves no ticket in the address', async () => {
  const ticket = passes.ticket(subject());
  const first = await get(`/notebook/demo/ada/lab?x=1&${ticketParameter}=${ticket}`);
  expect(first.status).toBe(303);
  expect(first.headers.get('location')).toBe('/notebook/demo/ada/lab?x=1');
  const set = first.headers.get('set-cookie')!;
  expect(set).toContain('Path=/notebook/demo/ada/; HttpOnly; SameSite=Lax');
  const again = await get(`/notebook/demo/ada/?${ticketParameter}=${ticket}`);
  expect(again.headers.get('set-cookie')).toBeNull();
  const page = await get('/notebook/demo/ada/lab', { cookie: set.split(';')[0]! });
  expect(await page.text()).toBe('from jupyter');
});

it('lets nobody else in, and says where it opens', async () => {
  expect((await get('/notebook/demo/ada/api/contents')).status).toBe(401);
  const page = await get('/notebook/demo/ada/', { accept: 'text/html' });
  expect(page.status).toBe(401);
  expect(await page.text()).toContain('http://console/open');
  const other = passes.cookie({ ...subject(), uid: 'of an earlier life' });
  expect((await get('/notebook/demo/ada/', { cookie: `${cookieName}=${other}` })).status).toBe(401);
  expect((await get('/notebook/demo/ada/', { authorization: 'Bearer someone' })).status).toBe(401);
  expect(seen).toHaveLength(0);
});

it("adds the server's token, takes ours away, and keeps the server's login to itself", async () => {
  const answer = await get('/notebook/demo/ada/api', { ...cookie(), authorization: 'Bearer owner' });
  expect(seen[0]?.headers).toMatchObject({ authorization: 'token servers-own-token', cookie: 'other=1' });
  expect(seen[0]?.url).toBe('/notebook/demo/ada/api');
  expect(answer.headers.getSetCookie()).toEqual(['_xsrf=1; Path=/']);
});

it('refuses what pages of other origins send with the cookie', async () => {
  const post = (headers: Record<string, string>) =>
    get('/notebook/demo/ada/api/terminals', { ...cookie(), ...headers }, 'POST');
  expect((await post({ origin: 'http://127.0.0.1:8081' })).status).toBe(403);
  expect((await post({ origin: 'null' })).status).toBe(403);
  expect((await post({ origin: base })).status).toBe(200);
  expect((await get('/notebook/demo/ada/api', { ...cookie(), 'sec-fetch-site': 'same-site' })).status).toBe(
    403,
  );
});

it('passes websockets on for the owner alone, and counts them', async () => {
  const open = (headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const asked = request(`${base}/notebook/demo/ada/api/kernels/1/channels`, {
        headers: { connection: 'Upgrade', upgrade: 'websocket', ...headers },
      });
      asked.on('upgrade', (_answer, socket) => {
        expect(gate.traffic('demo', 'ada').connections).toBe(1);
        socket.destroy();
        resolve(101);
      });
      asked.on('response', (answer) => resolve(answer.statusCode!));
      asked.on('error', reject);
      asked.end();
    });
  expect(await open({ origin: base })).toBe(403);
  expect(await open({ ...cookie(), origin: 'http://127.0.0.1:1' })).toBe(403);
  expect(await open({ ...cookie(), origin: base })).toBe(101);
  expect(seen).toHaveLength(1);
});

it('counts no websocket that was closed before it was let in', async () => {
  const socket = new Socket();
  socket.destroy();
  await once(socket, 'close');
  const headers = { ...cookie(), origin: base, host: new URL(base).host };
  const asked = { url: '/notebook/demo/ada/api/kernels/1/channels', headers, method: 'GET' };
  gate.upgrade(asked as unknown as IncomingMessage, socket, Buffer.alloc(0));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(gate.traffic('demo', 'ada').connections).toBe(0);
});

it('counts no page that only listens for news and asks who it is, as a forgotten tab does', async () => {
  const asked = request(`${base}/notebook/demo/ada/api/events/subscribe`, {
    headers: { connection: 'Upgrade', upgrade: 'websocket', authorization: 'Bearer owner' },
  });
  asked.end();
  const [, socket] = await once(asked, 'upgrade');
  for (const path of ['api/me?1', 'static/lab/1.js'])
    expect((await get(`/notebook/demo/ada/${path}`, cookie())).status).toBe(200);
  expect(gate.traffic('demo', 'ada')).toEqual({ connections: 0, lastRequest: 0 });
  await get('/notebook/demo/ada/api/contents', cookie());
  expect(gate.traffic('demo', 'ada').lastRequest).toBeGreaterThan(0);
  socket.destroy();
});

it('shows a stopped workbench as stopped, and starts it when asked', async () => {
  const key = { type: kinds.Notebook, namespace: 'demo', name: 'ada' };
  const stopped = structuredClone((await store.get<Notebook>(key))!);
  stopped.metadata.annotations = { 'kubeflow-resource-stopped': '2026-01-01T00:00:00Z' };
  await store.update(stopped);
  await store.delete({ type: kinds.Pod, namespace: 'demo', name: 'ada-0' });
  const page = await get('/notebook/demo/ada/', { ...cookie(), accept: 'text/html' });
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('ada is stopped');
  const start = await get('/notebook/demo/ada/tagboat/start', { ...cookie(), origin: base }, 'POST');
  expect(start.status).toBe(303);
  expect((await store.get<Notebook>(key))?.metadata.annotations).toEqual({});
});

it('tells an open page when the workbench is about to be stopped, which is no use of it', async () => {
  expect((await get('/notebook/demo/ada/tagboat/events')).status).toBe(401);
  const { body } = await get('/notebook/demo/ada/tagboat/events', cookie());
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe('data: {"stopsAt":null}\n\n');
  const stopsAt = Date.UTC(2026, 0, 1);
  await store.updateStatus<Notebook>({
    ...(await store.get<Notebook>({ type: kinds.Notebook, namespace: 'demo', name: 'ada' }))!,
    status: { conditions: [idleCondition({ verdict: 'warn', stopsAt })] },
  });
  expect((await reader.read()).value).toBe('data: {"stopsAt":"2026-01-01T00:00:00.000Z"}\n\n');
  expect(gate.traffic('demo', 'ada')).toEqual({ connections: 0, lastRequest: 0 });
  await reader.cancel();
});
