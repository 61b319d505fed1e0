import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Repository } from '@tagboat/api';
import { silentLogger } from '@tagboat/base';
import { commitFiles, git } from '@tagboat/git-client';
import { ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Hosting, restApi } from '../index.ts';
import { sendBlob } from './content-routes.ts';
import { GitReader } from './git-reader.ts';

const root = '/repos/demo/app';

describe('the REST API of repositories', () => {
  let directory: string;
  let bare: string;
  let app: FastifyInstance;
  let store: ObjectStore;
  const changed: string[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-rest-'));
    const hosting = new Hosting(directory);
    store = new ObjectStore({});
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'demo' },
      spec: {},
    });
    bare = await hosting.ensure('demo', 'app');
    app = Fastify();
    await app.register((scope) =>
      restApi(scope, {
        store,
        open: async (namespace, name) => (name === 'app' ? hosting.ensure(namespace, name) : undefined),
        changed: async (namespace, name) => void changed.push(`${namespace}/${name}`),
        url: () => 'http://h/git/api/v1',
        page: (namespace, name) => `http://h/${namespace}/${name}`,
        now: () => '2026-01-01T00:00:00Z',
        userOf: () => 'ada',
        log: silentLogger,
      }),
    );
  });
  afterEach(async () => {
    await app.close();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const write = (files: Record<string, string>, about: { branch?: string; tag?: string } = {}) =>
    commitFiles({
      url: bare,
      branch: about.branch ?? 'main',
      message: 'a change\n\nwith a body',
      ...(about.tag ? { alsoTo: `refs/tags/${about.tag}` } : {}),
      change: async (tree) => {
        for (const [path, text] of Object.entries(files)) await tree.write(path, text);
      },
    });
  const get = async (path: string) => {
    const answer = await app.inject({ method: 'GET', url: `${root}${path}` });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      json: () => answer.json(),
    };
  };
  const send = async (method: 'POST' | 'PUT' | 'DELETE', path: string, payload: object) => {
    const answer = await app.inject({ method, url: `${root}${path}`, payload });
    return { status: answer.statusCode, body: answer.json() };
  };
  const base64 = (text: string) => Buffer.from(text).toString('base64');

  it('describes an empty repository without failing', async () => {
    expect((await get('')).json()).toMatchObject({ full_name: 'demo/app', empty: true, open_pr_counter: 0 });
    expect((await get('/branches')).json()).toEqual([]);
    expect((await get('/commits')).json()).toEqual([]);
    expect((await get('/contents')).status).toBe(404);
  });

  it('lists commits by ref and path, in pages', async () => {
    await write({ a: '1', 'docs/x.md': 'x' });
    await write({ a: '2' });
    const { commit } = await write({ b: '1' }, { tag: 'v1' });
    const page = await get('/commits?limit=2');
    expect(page.headers['x-total-count']).toBe('3');
    expect(page.json()).toHaveLength(2);
    expect(page.json()[0]).toMatchObject({
      sha: commit,
      commit: { message: 'a change\n\nwith a body\n', author: { name: 'Tagboat' } },
      stats: null,
    });
    expect((await get('/commits?path=a&sha=v1')).json()).toHaveLength(2);
    expect((await get('/commits?stat=true')).json()[2].stats).toMatchObject({
      additions: 2,
      changed_files: 2,
    });
    expect((await get(`/commits/${commit}`)).json()).toMatchObject({
      stats: { total: 1, additions: 1 },
      files: [
        {
          filename: 'b',
          status: 'added',
          previous_sha: null,
          patch: '@@ -0,0 +1 @@\n+1\n\\ No newline at end of file\n',
        },
      ],
    });
    expect((await get('/commits/v1')).json().sha).toBe(commit);
    expect((await get('/branches/main')).json()).toMatchObject({ name: 'main', commit: { id: commit } });
    expect((await get('/tags')).json()).toMatchObject([{ name: 'v1', commit: { sha: commit } }]);
    expect((await get('/commits/main~1')).status).toBe(404);
    expect((await get('/commits?sha=--all')).status).toBe(404);
    expect((await get('/commits?path=..')).status).toBe(422);
  });

  it('shows files, directories, links and submodules, and never follows them', async () => {
    await write({ 'src/a.txt': 'hello\n', 'odd name#?.txt': 'x', 'page.html': '<script>1</script>' });
    const work = join(directory, 'work');
    await git(['clone', '-q', bare, work]);
    const submodule = '1'.repeat(40);
    await git(['update-index', '--add', '--cacheinfo', `160000,${submodule},vendor`], { cwd: work });
    const target = (await git(['hash-object', '-w', '--stdin'], { cwd: work, stdin: '/etc/passwd' })).stdout
      .toString()
      .trim();
    await git(['update-index', '--add', '--cacheinfo', `120000,${target},link`], { cwd: work });
    await git(['commit', '-qm', 'odd entries'], { cwd: work });
    await git(['push', '-q', 'origin', 'HEAD:main'], { cwd: work });
    const listed = (await get('/contents/')).json() as { path: string; type: string }[];
    expect(Object.fromEntries(listed.map(({ path, type }) => [path, type]))).toEqual({
      link: 'symlink',
      'odd name#?.txt': 'file',
      'page.html': 'file',
      src: 'dir',
      vendor: 'submodule',
    });
    expect((await get('/contents/src/a.txt?ref=main')).json()).toMatchObject({
      type: 'file',
      encoding: 'base64',
      content: base64('hello\n'),
      size: 6,
    });
    expect((await get('/contents/src')).json()).toMatchObject([{ path: 'src/a.txt', content: null }]);
    expect((await get('/contents/link')).json()).toMatchObject({ type: 'symlink', target: '/etc/passwd' });
    expect((await get('/raw/link')).text).toBe('/etc/passwd');
    expect((await get('/raw/odd%20name%23%3F.txt')).text).toBe('x');
    const page = await get('/raw/page.html');
    expect(page.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
    });
    expect((await get('/raw/..%2F..%2Fetc/passwd')).status).toBe(422);
    expect((await get('/raw/vendor')).status).toBe(404);
    expect((await get('/git/trees/main?recursive=true&limit=2')).json()).toMatchObject({
      total_count: 6,
      truncated: true,
      tree: [{ path: 'link', mode: '120000' }, { path: 'odd name#?.txt' }],
    });
  });

  it('reads a file whose path is not UTF-8 by its blob', async () => {
    const blob = (await git(['hash-object', '-w', '--stdin'], { cwd: bare, stdin: 'x' })).stdout
      .toString()
      .trim();
    const entry = Buffer.concat([Buffer.from(`100644 blob ${blob}\t`), Buffer.from([0xff, 0xfe, 0])]);
    const tree = (await git(['mktree', '-z'], { cwd: bare, stdin: entry })).stdout.toString().trim();
    const commit = (await git(['commit-tree', tree, '-m', 'odd'], { cwd: bare })).stdout.toString().trim();
    await git(['update-ref', 'refs/heads/main', commit], { cwd: bare });
    const [file] = (await get('/contents')).json();
    expect(file).toMatchObject({ path: '\ufffd\ufffd', sha: blob });
    expect((await get(`/git/blobs/${blob}`)).json()).toMatchObject({ content: base64('x'), size: 1 });
  });

  it('a repository that goes while a file of it is asked for ends that request, and nothing else', async () => {
    const server = Fastify();
    const entry = { mode: '100644', type: 'blob', id: 'a'.repeat(40), size: 1, path: 'a' } as const;
    server.get('/', (request, reply) =>
      sendBlob({ reader: new GitReader('/is/not/there') }, { request, reply, entry }),
    );
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow();
    await server.close();
  });

  it('compares what two refs did since they parted', async () => {
    await write({ 'a.txt': 'one\ntwo\n', moved: 'x'.repeat(200) });
    await git(['branch', 'work/x', 'main'], { cwd: bare });
    await write({ 'a.txt': 'one\n2\n' }, { branch: 'work/x' });
    await write({ other: '1' });
    const compared = (await get('/compare/main...work/x')).json();
    expect(compared).toMatchObject({
      status: 'diverged',
      ahead_by: 1,
      behind_by: 1,
      total_commits: 1,
      files: [
        {
          filename: 'a.txt',
          status: 'modified',
          additions: 1,
          deletions: 1,
          patch: '@@ -1,2 +1,2 @@\n one\n-two\n+2\n',
        },
      ],
    });
    expect(compared.commits).toHaveLength(1);
    expect((await get('/compare/main..work/x')).json().total_files).toBe(2);
    expect((await get('/compare/main')).status).toBe(422);
    expect((await get('/compare/main...nowhere')).status).toBe(404);
  });

  it('saves files as commits, and refuses to overwrite what it did not see', async () => {
    const created = await send('POST', '/contents/pipelines/p.yaml', {
      content: base64('a: 1\n'),
      message: 'Add a pipeline',
      author: { name: 'Ada', email: 'ada@x' },
    });
    expect(created).toMatchObject({
      status: 201,
      body: {
        content: { path: 'pipelines/p.yaml' },
        commit: { message: 'Add a pipeline\n', author: { name: 'Ada' } },
      },
    });
    expect(changed.at(-1)).toBe('demo/app');
    expect((await send('POST', '/contents/pipelines/p.yaml', { content: 'eA==' })).status).toBe(422);
    const { sha } = created.body.content;
    const update = { content: base64('a: 2\n'), sha };
    expect((await send('PUT', '/contents/pipelines/p.yaml', update)).status).toBe(200);
    expect((await send('PUT', '/contents/pipelines/p.yaml', update)).status).toBe(409);
    expect((await send('PUT', '/contents/pipelines/p.yaml/x', { content: 'eA==' })).status).toBe(404);
    expect((await send('POST', '/contents/.git/config', { content: 'eA==' })).status).toBe(422);
    const branched = await send('POST', '/contents', {
      branch: 'main',
      new_branch: 'edit',
      files: [
        { operation: 'create', path: 'b', content: base64('b') },
        { operation: 'update', path: 'moved.yaml', from_path: 'pipelines/p.yaml' },
      ],
    });
    expect(branched.status).toBe(201);
    const edited = (await get('/git/trees/edit?recursive=1')).json().tree as { path: string }[];
    expect(edited.map(({ path }) => path)).toEqual(['b', 'moved.yaml']);
    const gone = (await get('/contents/b?ref=edit')).json();
    expect((await send('DELETE', '/contents/b', { branch: 'edit', sha: gone.sha })).status).toBe(200);
    expect((await get('/contents/b?ref=edit')).status).toBe(404);
    expect((await get('/raw/pipelines/p.yaml')).text).toBe('a: 2\n');
  });

  it('makes branches and tags, and keeps statuses by context', async () => {
    const { commit } = await write({ a: '1' });
    expect((await send('POST', '/branches', { new_branch_name: 'x/y' })).status).toBe(201);
    expect((await send('POST', '/branches', { new_branch_name: 'a..b' })).status).toBe(422);
    expect((await send('POST', '/branches', { new_branch_name: 'x/y' })).status).toBe(409);
    expect(await send('POST', '/tags', { tag_name: 'v2', message: 'two' })).toMatchObject({
      status: 201,
      body: { name: 'v2', message: 'two', commit: { sha: commit } },
    });
    expect((await get('/commits/main/status')).json()).toMatchObject({ state: 'pending', total_count: 0 });
    for (const state of ['pending', 'success'])
      await send('POST', `/statuses/${commit}`, { state, context: 'ci/test' });
    await send('POST', `/statuses/${commit}`, {
      state: 'failure',
      context: 'ci/lint',
      description: 'two errors',
    });
    expect((await get('/commits/x%2Fy/status')).json()).toMatchObject({ state: 'failure', total_count: 2 });
    expect((await get('/commits/v2/statuses')).json()).toHaveLength(2);
    expect((await send('POST', `/statuses/${commit}`, { state: 'good' })).status).toBe(422);
  });
});
