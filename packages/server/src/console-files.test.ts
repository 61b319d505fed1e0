import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveConsole } from './console-files.ts';

const page = '<!doctype html><title>Tagboat</title>';
const script = 'console.log("a script that is long enough")';
const browser = { accept: 'text/html', 'accept-encoding': 'gzip, deflate, br' };
let directory: string;
let app: FastifyInstance;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-console-'));
  app = Fastify();
  serveConsole(app, { directory, appsUrl: () => 'http://127.0.0.1:8081' });
  app.get('/api/v1/pods', async () => ({ kind: 'PodList' }));
});
afterEach(async () => {
  await app.close();
  await rm(directory, { recursive: true });
});

async function build(): Promise<void> {
  await mkdir(join(directory, 'assets'));
  await writeFile(join(directory, 'assets', 'index-abc.js'), script);
  await writeFile(join(directory, 'assets', 'index-abc.js.br'), brotliCompressSync(script));
  await writeFile(join(directory, 'assets', 'index-abc.js.gz'), gzipSync(script));
  await writeFile(join(directory, 'index.html'), page);
}

const get = (url: string, headers: Record<string, string> = browser) => app.inject({ url, headers });

test.each(['/', '/runs', '/runs/demo/x?tab=results', '/models/demo/m'])('%s is the console', async (url) => {
  await build();
  const response = await get(url);
  expect(response.body).toBe(page);
  expect(response.headers['content-type']).toContain('text/html');
  expect(response.headers['cache-control']).toBe('no-cache');
});

test('its pages run no script but the console’s own, and load nothing from elsewhere', async () => {
  await build();
  const policy = String((await get('/')).headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("frame-src 'self' http://127.0.0.1:8081");
});

test('assets are compressed and kept for ever', async () => {
  await build();
  const response = await get('/assets/index-abc.js');
  expect(response.headers['content-encoding']).toBe('br');
  expect(response.headers['cache-control']).toContain('immutable');
  expect(response.headers.vary).toBe('accept-encoding');
  expect((await get('/assets/index-abc.js', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBe(
    'gzip',
  );
  expect((await get('/assets/index-abc.js', {})).body).toBe(script);
});

test.each([
  '/assets/none.js',
  '/assets/../index.html',
  '/assets/%2e%2e/index.html',
  '/assets/index-abc.js.br',
])('there is no %s', async (url) => {
  await build();
  expect((await get(url, {})).statusCode).toBe(404);
});

test.each(['/api/v2/none', '/apis/none', '/v2/none', '/git/none', '/prometheus/none', '/tagboat/none'])(
  'the console does not stand in the way of %s',
  async (url) => {
    await build();
    const response = await get(url);
    expect(response.statusCode).toBe(404);
    expect(response.body).not.toBe(page);
  },
);

test('what is no browser gets words instead', async () => {
  await build();
  expect((await get('/', { accept: '*/*' })).body).toContain('tagboat status');
  expect((await get('/runs', { accept: '*/*' })).statusCode).toBe(404);
  expect((await get('/api/v1/pods', { accept: '*/*' })).json()).toEqual({ kind: 'PodList' });
});

test('until it is built, its page says so; then it is there without a restart', async () => {
  const before = await get('/');
  expect(before.statusCode).toBe(503);
  expect(before.body).toContain('being built');
  await build();
  expect((await get('/')).body).toBe(page);
});
