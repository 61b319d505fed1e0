import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Repository } from '@tagboat/api';
import { silentLogger } from '@tagboat/base';
import { Commit, fetchLfsObjects, fetchMirror, lfsPointers } from '@tagboat/git-client';
import { runChecked, runCommand } from '@tagboat/process';
import { ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Hosting, restApi, smartHttp } from './index.ts';
import { LfsStore } from './lfs-store.ts';

async function hasGitLfs(): Promise<boolean> {
  const here = () => runCommand('git', ['lfs', 'version']).then(({ code }) => code === 0);
  if (await here()) return true;
  if (process.getuid?.() !== 0) return false;
  await runCommand(
    'sh',
    ['-c', 'apt-get install -y -qq git-lfs || (apt-get update -qq && apt-get install -y -qq git-lfs)'],
    {
      timeout: 50_000,
    },
  ).catch(() => undefined);
  return here();
}
const lfs = await hasGitLfs();

describe('Git LFS', () => {
  let directory: string;
  let app: FastifyInstance;
  let store: ObjectStore;
  let url: string;
  let bare: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-lfs-'));
    const hosting = new Hosting(join(directory, 'hosted'));
    store = new ObjectStore({});
    app = Fastify();
    const open = (namespace: string, name: string) => hosting.ensure(namespace, name);
    await app.register(
      (scope) =>
        smartHttp(scope, {
          open,
          userOf: ({ headers }) => String(headers['x-user'] ?? 'ada'),
          pushed: async () => undefined,
          log: silentLogger,
        }),
      { prefix: '/git' },
    );
    await app.register(
      (scope) =>
        restApi(scope, {
          store,
          open,
          changed: async () => undefined,
          url: () => 'http://h',
          page: () => 'http://h',
          now: () => 'now',
          userOf: () => 'ada',
          log: silentLogger,
        }),
      { prefix: '/git/api/v1' },
    );
    url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/git/demo/app.git`;
    bare = await hosting.ensure('demo', 'app');
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'demo' },
      spec: {},
    });
  });
  afterEach(async () => {
    await app.close();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  const batch = (body: object) =>
    app.inject({
      method: 'POST',
      url: '/git/demo/app.git/info/lfs/objects/batch',
      headers: { 'content-type': 'application/vnd.git-lfs+json' },
      payload: JSON.stringify(body),
    });
  const oid = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'; // of "hello"
  const put = (payload: string) =>
    app.inject({
      method: 'PUT',
      url: `/git/demo/app.git/info/lfs/objects/${oid}`,
      payload,
      headers: { 'content-type': 'application/octet-stream' },
    });

  it('takes what has its digest, gives it back in parts, and refuses the rest', async () => {
    const upload = (await batch({ operation: 'upload', objects: [{ oid, size: 5 }] })).json();
    expect(upload.objects[0].actions.upload.href).toMatch(
      new RegExp(`/git/demo/app.git/info/lfs/objects/${oid}$`),
    );
    expect((await put('other')).statusCode).toBe(400);
    expect((await put('hello')).statusCode).toBe(200);
    expect((await batch({ operation: 'upload', objects: [{ oid, size: 5 }] })).json().objects).toEqual([
      { oid, size: 5, authenticated: true },
    ]);
    const get = (range?: string) =>
      app.inject({
        url: `/git/demo/app.git/info/lfs/objects/${oid}`,
        ...(range ? { headers: { range } } : {}),
      });
    expect((await get()).body).toBe('hello');
    expect(await get('bytes=2-')).toMatchObject({ statusCode: 206, body: 'llo' });
    expect((await get('bytes=9-')).statusCode).toBe(416);
    const missing = (
      await batch({
        operation: 'download',
        objects: [
          { oid: 'f'.repeat(64), size: 1 },
          { oid: '../x', size: 1 },
        ],
      })
    ).json();
    expect(missing.objects.map(({ error }: { error: { code: number } }) => error.code)).toEqual([404, 422]);
    expect((await batch({ operation: 'sing', objects: [] })).statusCode).toBe(422);
    expect(
      (await app.inject({ url: `/git/demo/app.git/info/lfs/objects/..%2F..%2Fconfig` })).statusCode,
    ).toBe(400);
  });

  it('keeps locks: one for a path, in pages, each given back by its owner or by force', async () => {
    const ask = (path: string, body: object, user = 'ada') =>
      app.inject({
        method: 'POST',
        url: `/git/demo/app.git/info/lfs/locks${path}`,
        headers: { 'content-type': 'application/vnd.git-lfs+json', 'x-user': user },
        payload: JSON.stringify(body),
      });
    const list = async (query = '') =>
      (await app.inject({ url: `/git/demo/app.git/info/lfs/locks${query}` })).json();
    const both = await Promise.all([ask('', { path: 'a.bin' }), ask('', { path: 'a.bin' }, 'bob')]);
    expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([201, 409]);
    const { lock } = both[0]!.json();
    expect(lock).toMatchObject({ path: 'a.bin', owner: { name: 'ada' } });
    expect(both[1]!.json()).toEqual({ lock, message: 'already locked by ada' });
    expect((await ask('', { path: 'b.bin' }, 'bob')).statusCode).toBe(201);
    expect((await ask('', {})).statusCode).toBe(422);
    expect((await list('?path=a.bin')).locks).toEqual([lock]);
    const first = await list('?limit=1');
    expect(first).toEqual({ locks: [lock], next_cursor: '1' });
    expect((await list('?limit=1&cursor=1')).locks).toMatchObject([{ path: 'b.bin' }]);
    expect((await ask('/verify', {})).json()).toMatchObject({
      ours: [{ path: 'a.bin' }],
      theirs: [{ path: 'b.bin' }],
    });
    expect((await ask(`/${lock.id}/unlock`, {}, 'bob')).statusCode).toBe(403);
    expect((await ask(`/${lock.id}/unlock`, { force: true }, 'bob')).json()).toEqual({ lock });
    expect((await ask(`/${lock.id}/unlock`, {})).statusCode).toBe(404);
    expect((await list()).locks).toHaveLength(1);
  });

  it('the clone of an outside repository gets what it has not from there', async () => {
    await put('hello');
    const mirrors = new Hosting(join(directory, 'mirrors'));
    const mirror = await mirrors.ensure('demo', 'outside');
    const here = Fastify();
    await here.register(
      (scope) =>
        smartHttp(scope, {
          open: async () => mirror,
          fetchLfs: async (_namespace, _name, objects) => {
            await fetchLfsObjects(url, mirror, { pointers: objects });
          },
          pushed: async () => undefined,
          log: silentLogger,
        }),
      { prefix: '/git' },
    );
    const gone = 'f'.repeat(64);
    const answer = await here.inject({
      method: 'POST',
      url: '/git/demo/outside.git/info/lfs/objects/batch',
      payload: JSON.stringify({
        operation: 'download',
        objects: [
          { oid, size: 5 },
          { oid: gone, size: 1 },
          { oid: '../x', size: 1 },
        ],
      }),
    });
    expect(
      answer
        .json()
        .objects.map(({ actions, error }: { actions?: object; error?: { code: number } }) =>
          actions ? 'there' : error?.code,
        ),
    ).toEqual(['there', 404, 422]);
    expect((await here.inject({ url: `/git/demo/outside.git/info/lfs/objects/${oid}` })).body).toBe('hello');
    await here.close();
  });

  it.skipIf(!lfs)(
    'serves the real git lfs, and our own clones get the content without it (needs git-lfs)',
    async () => {
      const work = join(directory, 'work');
      const run = (args: string[], cwd = work) =>
        runChecked('git', args, { cwd, env: { ...process.env, HOME: directory, GIT_TERMINAL_PROMPT: '0' } });
      await run(['init', '-q', '-b', 'main', work], directory);
      await run(['config', 'user.name', 'Ada']);
      await run(['config', 'user.email', 'ada@x']);
      await run(['lfs', 'install', '--local']);
      await run(['lfs', 'track', '*.bin']);
      const content = Buffer.alloc(3_000_000, 'model ');
      await writeFile(join(work, 'model.bin'), content);
      await run(['add', '-A']);
      await run(['commit', '-qm', 'a model']);
      await run(['remote', 'add', 'origin', url]);
      await run(['push', 'origin', 'main']);
      await run(['lfs', 'lock', 'model.bin']);
      expect((await run(['lfs', 'locks'])).stdout.toString()).toMatch(/model\.bin\s+ada/);
      await run(['config', `lfs.${url}/info/lfs.locksverify`, 'true']);
      await run(['commit', '-q', '--allow-empty', '-m', 'with the lock']);
      await run(['push', 'origin', 'main']);
      await run(['lfs', 'unlock', 'model.bin']);
      const other = join(directory, 'other');
      await run(['clone', '-q', url, other], directory);
      await run(['lfs', 'install', '--local'], other);
      await run(['lfs', 'pull'], other);
      expect((await readFile(join(other, 'model.bin'))).equals(content)).toBe(true);

      const mirror = join(directory, 'mirror.git');
      await fetchMirror(url, mirror);
      const commit = await Commit.at(mirror, 'main');
      const pointers = await lfsPointers(commit);
      expect(pointers).toMatchObject([{ path: 'model.bin', size: content.length }]);
      expect(await fetchLfsObjects(url, mirror, { pointers })).toEqual([]);
      const files = join(directory, 'files');
      await commit.export(files);
      expect((await readFile(join(files, 'model.bin'))).equals(content)).toBe(true);
      expect(await new LfsStore(bare).size(pointers[0]!.oid)).toBe(content.length);
      const raw = await app.inject({ url: '/git/api/v1/repos/demo/app/raw/model.bin' });
      expect(raw.body).toMatch(/^version https:\/\/git-lfs/);
      const media = await app.inject({ url: '/git/api/v1/repos/demo/app/media/model.bin' });
      expect(media.rawPayload.equals(content)).toBe(true);
    },
  );
});
