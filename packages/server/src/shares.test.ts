import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Pod } from '@tagboat/api';
import { ManualClock } from '@tagboat/base';
import { SeriesStore } from '@tagboat/monitoring';
import { ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { accessHook, loopbackNames } from './access.ts';
import { Sessions } from './sessions.ts';
import { shareRoutes } from './share-routes.ts';
import { Shares } from './shares.ts';
import { SignIn } from './sign-in.ts';
import { Tokens } from './tokens.ts';

const host = '127.0.0.1:8080';
const day = 24 * 3600_000;
let home: string;
let clock: ManualClock;
let store: ObjectStore;
let shares: Shares;
let app: FastifyInstance;
let owner: string;
let tokens: Tokens;

const model = (name: string) => ({
  apiVersion: 'tagboat.dev/v1alpha1',
  kind: 'Model',
  metadata: { name, namespace: 'demo' },
  spec: {
    repository: 'r',
    deploy: [{ environment: 'staging', via: 'commit' }],
    data: [{ name: 'd', path: 'd', credentialsFrom: { secretName: 'hidden' } }],
    evaluate: { gates: [{ metric: 'error', max: 1 }] },
  },
});

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'shares-'));
  clock = new ManualClock();
  store = new ObjectStore({ clock });
  shares = await Shares.open(home, store, clock);
  tokens = await Tokens.open(home, store);
  owner = tokens.owner;
  for (const name of ['a', 'b']) await store.create(model(name));
  for (const [name, of] of [
    ['run-a', 'a'],
    ['run-b', 'b'],
  ])
    await store.create({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Experiment',
      metadata: { name: name!, namespace: 'demo', labels: { 'tagboat.dev/model': of! } },
      spec: { model: of, metrics: { error: 0.5 } },
    } as never);
  await store.create({
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: 'a',
      namespace: 'demo-staging',
      annotations: { 'tagboat.dev/tag': 'v1', 'kubectl.kubernetes.io/last-applied': 'hidden' },
    },
    spec: { predictor: { containers: [{ env: [{ name: 'KEY', value: 'hidden' }] }] } },
  } as never);
  app = Fastify({ routerOptions: { maxParamLength: 1000 } });
  const signIn = new SignIn(tokens, await Sessions.open(home, clock));
  app.addHook('onRequest', accessHook(signIn, loopbackNames, shares));
  app.register(async (scope) =>
    shareRoutes(scope, {
      shares,
      model: { reader: store, series: new SeriesStore(), now: () => clock.now() },
      url: () => `http://${host}`,
      appsUrl: () => 'http://127.0.0.1:8081',
    }),
  );
  app.get('/api/*', async () => 'secrets');
  app.setNotFoundHandler(async (request, reply) =>
    request.method === 'GET' ? 'the console' : reply.code(404).send('nothing'),
  );
});

afterEach(async () => {
  await app.close();
  await store[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const get = (url: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'GET', url, headers: { host, ...headers } });

async function opened(name = 'a', days = 7): Promise<{ path: string; cookie: string; name: string }> {
  const share = await shares.create({ namespace: 'demo', name }, days);
  const response = await get(`/shared/${shares.tokenOf(share)}`);
  expect(response.statusCode).toBe(303);
  const cookie = String(response.headers['set-cookie']);
  expect(cookie).toContain(`; Path=/shared/demo/${name}; HttpOnly; SameSite=Strict`);
  return { path: String(response.headers.location), cookie: cookie.split(';')[0]!, name: share.name };
}

test('a link opens the page of its model, read-only', async () => {
  const { path, cookie } = await opened();
  expect(path).toBe('/shared/demo/a');
  expect((await get(path, { cookie, accept: 'text/html' })).body).toBe('the console');
  const data = (await get(`${path}/data`, { cookie })).json();
  expect(data.model.metadata).toEqual({ name: 'a', namespace: 'demo' });
  expect(data.experiments.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual([
    'run-a',
  ]);
  expect(data.services[0].metadata.annotations).toEqual({ 'tagboat.dev/tag': 'v1' });
  expect(data.traffic).toHaveLength(1);
  expect(JSON.stringify(data)).not.toContain('hidden');
});

test('it opens nothing else', async () => {
  const { path, cookie } = await opened();
  const elsewhere = ['/api/v1/secrets', '/tagboat/shares?namespace=demo&model=a', '/prometheus/api/v1/query'];
  for (const url of elsewhere) expect((await get(url, { cookie })).statusCode, url).toBe(401);
  for (const url of ['/shared/demo/b', '/shared/demo/b/data', '/shared/other/a/data'])
    expect((await get(url, { cookie })).statusCode, url).toBe(403);
  expect(
    (await app.inject({ method: 'POST', url: `${path}/data`, headers: { host, cookie } })).statusCode,
  ).not.toBe(200);
  expect((await get(`${path}/data`, { cookie, origin: 'http://127.0.0.1:8081' })).statusCode).toBe(403);
});

test("a run's pod sees nothing of it", async () => {
  const pod = await store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'demo' },
    spec: { containers: [] },
  } as Pod);
  const authorization = `Bearer ${tokens.forPod(pod)}`;
  for (const path of ['/shared/demo/a', '/shared/demo/a/data'])
    expect((await get(path, { authorization })).statusCode).toBe(403);
  expect((await get('/shared/demo/a/data', { authorization: `Bearer ${owner}` })).statusCode).toBe(200);
});

test('a token of a link is no token of the API', async () => {
  const share = await shares.create({ namespace: 'demo', name: 'a' }, 1);
  const authorization = `Bearer ${shares.tokenOf(share)}`;
  expect((await get('/api/v1/secrets', { authorization })).statusCode).toBe(401);
});

test('it ends with its day, when it is revoked, and with its model', async () => {
  const first = await opened('a', 1);
  clock.advance(day + 1000);
  expect((await get(`${first.path}/data`, { cookie: first.cookie })).statusCode).toBe(403);
  const second = await opened();
  expect((await get(`${second.path}/data`, { cookie: second.cookie })).statusCode).toBe(200);
  await shares.revoke({ namespace: 'demo', name: second.name });
  expect((await get(`${second.path}/data`, { cookie: second.cookie })).statusCode).toBe(403);
  const third = await opened('b');
  await store.delete({ type: kinds.Model, namespace: 'demo', name: 'b' });
  expect((await get(`${third.path}/data`, { cookie: third.cookie })).statusCode).toBe(404);
});

test('a forged, changed or foreign token opens nothing', async () => {
  const share = await shares.create({ namespace: 'demo', name: 'a' }, 1);
  const token = shares.tokenOf(share);
  const [, payload, signature] = token.split('.');
  const longer = Buffer.from(JSON.stringify(['demo', share.name, 'b', share.expires])).toString('base64url');
  const other = shares.tokenOf({ ...share, model: 'b' });
  for (const wrong of [
    `share.${longer}.${signature}`,
    `share.${payload}.${'A'.repeat(43)}`,
    'share.x',
    other,
  ]) {
    const response = await get(`/shared/${wrong}`);
    expect(response.statusCode).toBe(403);
    expect(response.body).toContain('shows nothing any more');
  }
});

test('the owner makes, lists and revokes links', async () => {
  const authorization = `Bearer ${owner}`;
  const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
    app.inject({ method, url, headers: { host, authorization }, ...(payload ? { payload } : {}) });
  const made = await ask('POST', '/tagboat/shares', { namespace: 'demo', model: 'a', days: 3 });
  expect(made.statusCode).toBe(201);
  expect(made.json().url).toMatch(/^http:\/\/127\.0\.0\.1:8080\/shared\/share\.[\w-]+\.[\w-]{43}$/);
  const list = async () => (await ask('GET', '/tagboat/shares?namespace=demo&model=a')).json().items;
  expect(await list()).toEqual([made.json()]);
  expect((await ask('DELETE', `/tagboat/shares/demo/${made.json().name}`)).statusCode).toBe(204);
  expect(await list()).toEqual([]);
  expect((await ask('DELETE', `/tagboat/shares/demo/${made.json().name}`)).statusCode).toBe(404);
  expect((await ask('POST', '/tagboat/shares', { namespace: 'demo', model: 'a', days: 91 })).statusCode).toBe(
    400,
  );
  expect((await ask('POST', '/tagboat/shares', { namespace: 'demo', model: 'z' })).statusCode).toBe(404);
  expect((await ask('POST', '/tagboat/shares', {})).json().message).toContain('expected {"namespace"');
});
