import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommitStatus, type HandledRef, kinds, type PullRequest, type Repository } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Hosting,
  Proposals,
  pullRequestController,
  repositoryController,
  restApi,
  smartHttp,
} from '../index.ts';

describe('pull requests', () => {
  let directory: string;
  let work: string;
  let store: ObjectStore;
  let app: FastifyInstance;
  let base: string;
  const running: AsyncDisposable[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-pulls-'));
    store = new ObjectStore({});
    const hosting = new Hosting(join(directory, 'hosted'));
    app = Fastify();
    const proposals = new Proposals({
      store,
      page: (ns, name, number) => `http://h/${ns}/${name}/${number}`,
    });
    const nudge = (namespace: string, name: string) =>
      repositories?.enqueue({ type: kinds.Repository, namespace, name });
    let repositories: ReturnType<typeof repositoryController> | undefined;
    const open = (namespace: string, name: string) => hosting.ensure(namespace, name);
    await app.register(
      (scope) =>
        smartHttp(scope, {
          open,
          proposals: {
            hooks: () => hosting.hooks(),
            note: (namespace, name) => `look at http://h/${namespace}/${name}\nor elsewhere`,
            propose: (about, what) => proposals.take(about, what),
          },
          pushed: async (namespace, name) => nudge(namespace, name),
          log: silentLogger,
        }),
      { prefix: '/git' },
    );
    await app.register(
      (scope) =>
        restApi(scope, {
          store,
          open,
          changed: async (namespace, name) => nudge(namespace, name),
          url: () => 'http://h/api',
          page: (namespace, name) => `http://h/${namespace}/${name}`,
          now: () => '2026-01-01T00:00:00Z',
          userOf: () => 'ada',
          log: silentLogger,
        }),
      { prefix: '/git/api/v1' },
    );
    base = `${await app.listen({ port: 0, host: '127.0.0.1' })}/git`;
    const common = { store, hosting, clock: systemClock, log: silentLogger };
    repositories = repositoryController({ ...common, baseUrl: base }).start();
    running.push(repositories, pullRequestController({ ...common, changed: nudge }).start());
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'demo' },
      spec: {},
    });
    work = join(directory, 'work');
    await git(['init', '-q', work]);
    await git(['remote', 'add', 'origin', `${base}/demo/app.git`], { cwd: work });
    await commit('one', { 'a.txt': 'one\n' });
    await git(['push', '-q', 'origin', 'HEAD:main'], { cwd: work });
  });
  afterEach(async () => {
    for (const item of running.splice(0)) await item[Symbol.asyncDispose]();
    await app.close();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  let commits = 0;
  async function commit(message: string, files: Record<string, string>, amend = false): Promise<string> {
    for (const [path, text] of Object.entries(files)) await writeFile(join(work, path), text);
    await git(['add', '-A'], { cwd: work });
    const date = ['--date', new Date(Date.UTC(2026, 0, 1, 0, 0, commits++)).toISOString()];
    await git(['commit', '-qm', message, ...(amend ? ['--amend'] : date)], { cwd: work });
    return (await git(['rev-parse', 'HEAD'], { cwd: work })).stdout.toString().trim();
  }
  /** As a person pushes, with what git tells them. */
  const push = (refspec: string, ...options: string[]) =>
    runCommand('git', ['push', ...options.flatMap((option) => ['-o', option]), 'origin', refspec], {
      cwd: work,
      env: { ...process.env, LC_ALL: 'C' },
    });
  const key = (number: number) => ({ type: kinds.PullRequest, namespace: 'demo', name: `app-${number}` });
  async function until(number: number, holds: (pull: PullRequest) => boolean): Promise<PullRequest> {
    const { resourceVersion } = await store.list(kinds.PullRequest, {});
    const found = await store.get<PullRequest>(key(number));
    if (found && holds(found)) return found;
    for await (const { object } of store.watch<PullRequest>(kinds.PullRequest, {}, { from: resourceVersion }))
      if (object.metadata.name === key(number).name && holds(object)) return object;
    throw new Error('the watch ended');
  }
  const call = async (method: 'GET' | 'POST' | 'PATCH', path: string, payload?: object) => {
    const answer = await app.inject({
      method,
      url: `/git/api/v1/repos/demo/app${path}`,
      ...(payload ? { payload } : {}),
    });
    return {
      status: answer.statusCode,
      body: /json/.test(String(answer.headers['content-type'])) ? answer.json() : undefined,
    };
  };
  async function handled(number: number, head: string): Promise<void> {
    await store.create<HandledRef>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'HandledRef',
      metadata: { name: `h-${head}`, namespace: 'demo', labels: { 'tagboat.dev/repository': 'app' } },
      spec: {
        repository: 'app',
        ref: `refs/pull/${number}/head`,
        commit: head,
        sequence: 1,
        pipelineRuns: [],
      },
    });
  }
  const check = (head: string, state: string) =>
    call('POST', `/statuses/${head}`, { state, context: 'ci/test' });

  it('opens one by a push to refs/for, tells the pusher, and takes rewritten and added commits into it', async () => {
    const first = await commit('a better one', { 'a.txt': 'better\n' });
    const pushed = await push('HEAD:refs/for/main');
    expect(pushed.stderr).toMatch(/remote: Pull request 1 opened: a better one/);
    expect(pushed.stderr).toMatch(/remote: http:\/\/h\/demo\/app\/1/);
    expect(pushed.stderr).toMatch(/\[new reference\]\s+HEAD -> refs\/pull\/1\/head/);
    expect(await until(1, ({ status }) => status?.mergeable === true)).toMatchObject({
      spec: { number: 1, title: 'a better one', targetBranch: 'main', author: 'Tagboat', state: 'open' },
      status: { headCommit: first },
    });
    const amended = await commit('a better one', { 'a.txt': 'best\n' }, true);
    expect((await push('HEAD:refs/for/main')).stderr).toMatch(/Pull request 1 updated/);
    await until(1, ({ status }) => status?.headCommit === amended);
    const reworded = await commit('another title', { 'a.txt': 'best of all\n' }, true);
    expect((await push('HEAD:refs/for/main')).stderr).toMatch(/Pull request 1 updated/);
    await until(1, ({ status }) => status?.headCommit === reworded);
    const more = await commit('more', { b: 'b' });
    expect((await push('HEAD:refs/for/main', 'title=Two things')).stderr).toMatch(/1 updated: Two things/);
    await until(1, ({ status }) => status?.headCommit === more);
    const files = (await call('GET', '/pulls/1/files')).body as { filename: string }[];
    expect(files.map(({ filename }) => filename)).toEqual(['a.txt', 'b']);
    expect((await call('GET', '/pulls/1/commits')).body).toHaveLength(2);
    expect((await call('GET', '/pulls/1.diff')).status).toBe(200);
    await git(['fetch', '-q', 'origin', 'refs/pull/1/head'], { cwd: work });
    const listed = await store.get<Repository>({ type: kinds.Repository, namespace: 'demo', name: 'app' });
    expect(Object.keys(listed?.status?.refs ?? {})).toEqual(['refs/heads/main']);
  });

  it('tells who pushes a branch or a tag where to look, and not who deletes one', async () => {
    await commit('x', { x: '1' });
    const note = /remote: look at http:\/\/h\/demo\/app\s*\nremote: or elsewhere/;
    expect((await push('HEAD:refs/heads/side')).stderr).toMatch(note);
    expect((await push('HEAD:refs/tags/v1')).stderr).toMatch(note);
    expect((await push(':refs/heads/side')).stderr).not.toMatch(/look at/);
    expect((await push('HEAD:refs/for/main')).stderr).not.toMatch(/look at/);
  });

  it('keeps topics apart, and refuses what cannot be proposed', async () => {
    await commit('x', { x: '1' });
    expect((await push('HEAD:refs/for/main/topic/x')).stderr).toMatch(/Pull request 1 opened/);
    expect((await push('HEAD:refs/for/main', 'topic=y')).stderr).toMatch(/Pull request 2 opened/);
    expect((await push('HEAD:refs/for/nowhere')).stderr).toMatch(
      /there is no branch "nowhere".*there are main/,
    );
    expect((await push('origin/main:refs/for/main')).stderr).toMatch(/nothing to propose/);
    expect((await push('HEAD:refs/pull/1/head')).stderr).toMatch(/hidden ref/);
    expect((await push('HEAD:refs/for/main', 'pull=9')).stderr).toMatch(/no open pull request 9/);
  });

  it('waits for checks, refuses a change whose checks failed, and merges it when they pass', async () => {
    const head = await commit('x', { x: '1' });
    await push('HEAD:refs/for/main');
    await until(1, ({ status }) => status?.mergeable === true);
    await check(head, 'failure');
    expect(await call('POST', '/pulls/1/merge', { Do: 'merge' })).toMatchObject({
      status: 409,
      body: { message: 'not merged: failed: ci/test' },
    });
    expect((await call('GET', '/pulls/1')).body).toMatchObject({ state: 'open', merged: false });
    await check(head, 'pending');
    await until(1, ({ status }) => status?.checks?.[0]?.state === 'pending');
    expect((await call('POST', '/pulls/1/merge', { Do: 'merge' })).body).toMatchObject({
      merged: false,
      message: 'waits for ci/test',
    });
    await check(head, 'success');
    await until(
      1,
      ({ status }) => status?.conditions?.some(({ message }) => /begin/.test(message ?? '')) === true,
    );
    await handled(1, head);
    const merged = await until(1, ({ status }) => status?.mergedAt !== undefined);
    const log = (await call('GET', '/commits?sha=main')).body as {
      parents: unknown[];
      commit: { message: string };
    }[];
    expect(log[0]).toMatchObject({ sha: merged.status?.mergeCommit, commit: { author: { name: 'ada' } } });
    expect(log[0]?.commit.message).toBe('Merge pull request #1: x\n\nPull-Request: 1\n');
    expect(log[0]?.parents).toHaveLength(2);
    expect((await call('GET', '/pulls/1')).body).toMatchObject({ state: 'closed', merged: true });
    expect((await call('GET', '/pulls/1/files')).body).toMatchObject([{ filename: 'x' }]);
  });

  it('refuses conflicts, moved heads and what is no fast-forward; a merge by hand is seen', async () => {
    const head = await commit('mine', { 'a.txt': 'mine\n' });
    await push('HEAD:refs/for/main');
    await git(['checkout', '-q', '--detach', 'origin/main'], { cwd: work });
    await commit('theirs', { 'a.txt': 'theirs\n' });
    await push('HEAD:main');
    await until(1, ({ status }) => status?.mergeable === false);
    expect((await call('POST', '/pulls/1/merge', {})).body.message).toBe(
      'not merged: both sides changed a.txt',
    );
    await git(['checkout', '-q', '--detach', head], { cwd: work });
    await git(['rebase', '-q', '-X', 'theirs', 'origin/main'], { cwd: work });
    await push('HEAD:refs/for/main');
    const rebased = await until(1, ({ status }) => status?.mergeable === true);
    expect((await call('POST', '/pulls/1/merge', { head_commit_id: head })).body.message).toMatch(
      /was to be merged/,
    );
    await call('POST', '/pulls/1/reviews', { event: 'REQUEST_CHANGES', body: 'no' });
    expect((await call('POST', '/pulls/1/merge', {})).body.message).toMatch(/ada asked for changes/);
    await call('POST', '/pulls/1/reviews', { event: 'APPROVED' });
    await handled(1, rebased.status!.headCommit!);
    const done = await call('POST', '/pulls/1/merge', { Do: 'fast-forward-only' });
    expect(done.body).toMatchObject({ merged: true, sha: rebased.status!.headCommit });
    expect((await call('POST', '/pulls/1/merge', { Do: 'rebase' })).status).toBe(422);
  });

  it('squashes a change into one commit by its author; one that was not recorded is found in the history', async () => {
    await commit('first thing', { x: '1' });
    const head = await commit('second thing', { y: '1' });
    await push('HEAD:refs/for/main', 'title=Two things');
    await until(1, ({ status }) => status?.mergeable === true);
    await handled(1, head);
    const done = await call('POST', '/pulls/1/merge', { Do: 'squash' });
    expect(done.body).toMatchObject({ merged: true });
    const log = (await call('GET', '/commits?sha=main')).body as {
      sha: string;
      parents: unknown[];
      commit: { message: string; author: { name: string }; committer: { name: string } };
    }[];
    expect(log[0]).toMatchObject({
      sha: (done.body as { sha: string }).sha,
      commit: { author: { name: 'Tagboat' }, committer: { name: 'ada' } },
    });
    expect(log[0]?.commit.message).toBe(
      `Two things (#1)\n\n* first thing\n* second thing\n\nPull-Request: 1\nPull-Request-Head: ${head}\n`,
    );
    expect(log[0]?.parents).toHaveLength(1);
    // As after a kill between the branch and the record.
    await mutateStatus<PullRequest>(store, key(1), (draft) => {
      delete draft.status!.mergedAt;
      delete draft.status!.mergeCommit;
    });
    const again = await until(1, ({ status }) => status?.mergedAt !== undefined);
    expect(again.status?.mergeCommit).toBe(log[0]?.sha);
    expect((await call('GET', '/commits?sha=main')).body).toHaveLength(log.length);
  });

  it('follows a branch, takes comments, and is closed and opened again', async () => {
    await commit('x', { x: '1' });
    await push('HEAD:refs/heads/feature/x');
    expect(await call('POST', '/pulls', { head: 'feature/x', base: 'main' })).toMatchObject({
      status: 201,
      body: { number: 1, title: 'x', head: { ref: 'feature/x' }, user: { login: 'ada' } },
    });
    expect((await call('POST', '/pulls', { head: 'feature/x', base: 'main' })).status).toBe(409);
    const second = await commit('y', { y: '1' });
    await push('HEAD:refs/heads/feature/x');
    await until(1, ({ status }) => status?.headCommit === second);
    await call('POST', '/issues/1/comments', { body: '/retest' });
    expect((await call('GET', '/issues/1/comments')).body).toMatchObject([
      { body: '/retest', user: { login: 'ada' } },
    ]);
    await call('PATCH', '/pulls/1', { state: 'closed' });
    expect((await call('GET', '/pulls')).body).toEqual([]);
    expect((await call('POST', '/pulls/1/merge', {})).status).toBe(409);
    await call('PATCH', '/pulls/1', { state: 'open' });
    expect((await call('GET', '/pulls')).body).toHaveLength(1);
    await git(['push', '-q', 'origin', 'HEAD:main'], { cwd: work });
    await until(1, ({ status }) => status?.mergedAt !== undefined);
  });

  it('statuses of a commit are seen by the pull request', async () => {
    const head = await commit('x', { x: '1' });
    await push('HEAD:refs/for/main');
    await check(head, 'success');
    const pull = await until(1, ({ status }) => (status?.checks?.length ?? 0) > 0);
    expect(pull.status?.checks).toEqual([{ context: 'ci/test', state: 'success' }]);
    expect((await store.list<CommitStatus>(kinds.CommitStatus)).items).toHaveLength(1);
  });
});
