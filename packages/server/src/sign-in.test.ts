import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@tagboat/base';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { accessHook, loopbackNames, mayWatch } from './access.ts';
import { Sessions, sessionLifetime } from './sessions.ts';
import { SignIn } from './sign-in.ts';
import { Tokens } from './tokens.ts';

const host = '127.0.0.1:8080';
const origin = `http://${host}`;
const page = { host, accept: 'text/html', 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' };
let home: string;
let clock: ManualClock;
let tokens: Tokens;
let app: FastifyInstance;

async function start(): Promise<FastifyInstance> {
  const signIn = new SignIn(tokens, await Sessions.open(home, clock));
  const server = Fastify();
  server.addHook('onRequest', accessHook(signIn, loopbackNames));
  server.register(async (scope) => signIn.routes(scope));
  server.all('/api/v1/secrets', async (request) => request.identity ?? 'nobody');
  server.get('/*', async (request) => `console for ${request.identity?.kind}`);
  return server;
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sign-in-'));
  clock = new ManualClock();
  tokens = await Tokens.open(home, { get: async () => undefined } as never);
  app = await start();
});

afterEach(async () => {
  await app.close();
  await rm(home, { recursive: true });
});

const get = (url: string, headers: Record<string, string> = page) =>
  app.inject({ method: 'GET', url, headers });

async function signedIn(): Promise<string> {
  const response = await get(`/?token=${tokens.owner}`);
  return String(response.headers['set-cookie']).split(';')[0]!;
}

const api = (cookie: string, headers: Record<string, string>, method: 'GET' | 'POST' = 'GET') =>
  app.inject({ method, url: '/api/v1/secrets', headers: { host, cookie, ...headers } });

test('the printed link becomes a cookie, and the token leaves the address bar', async () => {
  const response = await get(`/runs/demo/a?tab=log&token=${tokens.owner}`);
  expect(response.statusCode).toBe(303);
  expect(response.headers.location).toBe('/runs/demo/a?tab=log');
  const cookie = String(response.headers['set-cookie']);
  expect(cookie).toMatch(/^tagboat-8080=[\w-]{32}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/);
  expect(cookie).not.toContain(tokens.owner);
  expect(response.headers['cache-control']).toBe('no-store');
  expect(response.headers['referrer-policy']).toBe('no-referrer');
});

test('without a session there is the sign-in page, which leads back', async () => {
  const response = await get('/runs?state=<script>');
  expect(response.statusCode).toBe(401);
  expect(response.body).toContain('Sign in to Tagboat');
  expect(response.body).not.toContain('<script');
  expect(response.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  const form = `token=${tokens.owner}&next=${encodeURIComponent('/runs?state=failed')}`;
  const answer = await app.inject({
    method: 'POST',
    url: '/sign-in',
    headers: { host, origin, 'content-type': 'application/x-www-form-urlencoded' },
    payload: form,
  });
  expect([answer.statusCode, answer.headers.location]).toEqual([303, '/runs?state=failed']);
});

test('whoever pastes the whole link into the page is signed in', async () => {
  const answer = await app.inject({
    method: 'POST',
    url: '/sign-in',
    headers: { host, origin, 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ token: ` ${origin}/?token=${tokens.owner}` }).toString(),
  });
  expect(answer.statusCode).toBe(303);
});

test.each([
  '//evil.example',
  '/.//evil.example',
  '/.//x/.//evil.example',
  '/\\evil.example',
  'http://evil.example',
])('signing in at %s leads to no other site', async (next) => {
  const answer = await app.inject({
    method: 'POST',
    url: '/sign-in',
    headers: { host, origin, 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ token: tokens.owner, next }).toString(),
  });
  expect(answer.statusCode).toBe(303);
  expect(answer.headers.location).toMatch(/^\/(?![/\\])/);
  const link = await get(`/.//evil.example?token=${tokens.owner}`);
  expect(link.headers.location).toMatch(/^\/(?![/\\])/);
});

test('a cookie of our name that somebody else set signs nobody out', async () => {
  const cookie = await signedIn();
  const own = { origin, 'sec-fetch-site': 'same-origin' };
  expect((await api(`tagboat-8080=owned; ${cookie}`, own)).statusCode).toBe(200);
  expect((await api('tagboat-8080=owned; tagboat-8080=', own)).statusCode).toBe(401);
});

test('an address that is none gets the sign-in page', async () => {
  expect((await get('//')).statusCode).toBe(401);
});

test('a protocol is one however its path is written', async () => {
  const cookie = await signedIn();
  const across = { ...page, 'sec-fetch-site': 'same-site' };
  for (const url of ['/api/v1/secrets', '/%61pi/v1/secrets'])
    expect((await app.inject({ url, headers: { ...across, cookie } })).statusCode, url).toBe(401);
});

test('a watch opens for the console of its own origin, over TLS as well, and for no other', async () => {
  const cookie = await signedIn();
  const may = mayWatch(new SignIn(tokens, await Sessions.open(home, clock)), loopbackNames);
  const asked = (from: string, socket: object) =>
    may({
      method: 'GET',
      url: '/api/v1/pods?watch=true',
      headers: { host, cookie, origin: from, upgrade: 'websocket', connection: 'Upgrade' },
      socket,
    } as never);
  expect(await asked(origin, {})).toBe(true);
  expect(await asked(`https://${host}`, { encrypted: true })).toBe(true);
  expect(await asked(origin, { encrypted: true })).toBe(false);
  expect(await asked('http://127.0.0.1:8081', {})).toBe(false);
});

test('a wrong token is said, and does not lead to another site', async () => {
  const response = await get('/?token=wrong');
  expect(response.statusCode).toBe(401);
  expect(response.body).toContain('not the token of this Tagboat');
  expect(response.headers['set-cookie']).toBeUndefined();
  for (const next of ['//evil.example/', 'https://evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
    const answer = await app.inject({
      method: 'POST',
      url: '/sign-in',
      headers: { host, origin, 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ token: tokens.owner, next }).toString(),
    });
    expect(answer.headers.location, next).toMatch(/^\/([^/\\]|$)/);
  }
});

test.each([
  ['its own pages', { 'sec-fetch-site': 'same-origin' }, 200],
  ['its own pages, in an old browser', { origin }, 200],
  ['the address bar', { 'sec-fetch-site': 'none' }, 200],
  ['the apps port, which is the same site', { 'sec-fetch-site': 'same-site' }, 401],
  ['the apps port, with an origin', { origin: 'http://127.0.0.1:8081' }, 401],
  ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 401],
  ['a page without an origin', { origin: 'null' }, 401],
])('the API with a cookie, asked by %s', async (_name, headers, code) => {
  const cookie = await signedIn();
  expect((await api(cookie, headers as Record<string, string>)).statusCode).toBe(code);
});

test('a write or a websocket needs to say that it comes from here', async () => {
  const cookie = await signedIn();
  const write = (headers: Record<string, string>) => api(cookie, headers, 'POST');
  expect((await write({})).statusCode).toBe(401);
  expect((await write({ 'sec-fetch-site': 'none' })).statusCode).toBe(401);
  expect((await write({ origin })).statusCode).toBe(200);
  const socket = (headers: Record<string, string>) => api(cookie, { upgrade: 'websocket', ...headers });
  expect((await socket({ origin: 'http://127.0.0.1:8081' })).statusCode).toBe(401);
  expect((await socket({})).statusCode).toBe(401);
  expect((await socket({ origin })).statusCode).toBe(200);
});

test('a page opened from the apps port is shown; one from another site asks itself again', async () => {
  const cookie = await signedIn();
  const fromApps = await get('/models', { ...page, cookie, 'sec-fetch-site': 'same-site' });
  expect(fromApps.body).toBe('console for owner');
  const fromElsewhere = await get('/models', { ...page, 'sec-fetch-site': 'cross-site' });
  expect(fromElsewhere.body).toContain('http-equiv="refresh"');
});

test('signing out ends the session everywhere, over a restart', async () => {
  const cookie = await signedIn();
  const out = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/sign-out', headers: { host, cookie, ...headers } });
  expect((await out({ 'sec-fetch-site': 'same-site' })).statusCode).toBe(403);
  const response = await out({ origin });
  expect(String(response.headers['set-cookie'])).toContain('Max-Age=0');
  const own = { 'sec-fetch-site': 'same-origin' };
  expect((await api(cookie, own)).statusCode).toBe(401);
  app = await start();
  expect((await api(cookie, own)).statusCode).toBe(401);
});

test('a session outlives a restart, ends by itself, and is kept as a hash', async () => {
  const cookie = await signedIn();
  const own = { 'sec-fetch-site': 'same-origin' };
  app = await start();
  expect((await api(cookie, own)).json()).toEqual({ kind: 'owner' });
  const file = join(home, 'config', 'sessions.json');
  expect(await readFile(file, 'utf8')).not.toContain(cookie.split('=')[1]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  clock.advance(sessionLifetime + 1);
  expect((await api(cookie, own)).statusCode).toBe(401);
});

test('a browser gets no password dialog, git does; a wrong header is not saved by a cookie', async () => {
  const browser = await api('', { 'sec-fetch-site': 'same-origin' });
  expect([browser.statusCode, browser.headers['www-authenticate']]).toEqual([401, undefined]);
  const git = await get('/git/demo/a.git/info/refs', { host });
  expect([git.statusCode, git.headers['www-authenticate']]).toEqual([401, 'Basic realm="tagboat"']);
  const cookie = await signedIn();
  const wrong = await api(cookie, { authorization: 'Bearer wrong', 'sec-fetch-site': 'same-origin' });
  expect(wrong.statusCode).toBe(401);
});

test('the API paths take no token from the address', async () => {
  const response = await get(`/api/v1/secrets?token=${tokens.owner}`);
  expect(response.statusCode).toBe(401);
  expect(response.headers['set-cookie']).toBeUndefined();
});
