import { type CommitStatus, kinds, type Repository } from '@tagboat/api';
import { git } from '@tagboat/git-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GitReader } from '../rest/git-reader.ts';
import { takeHead } from './propose.ts';
import { headRef, PullRequestStore } from './pull-request-store.ts';
import { type PullWorld, pullWorld } from './pull-world.testing.ts';

describe('pull requests', () => {
  let world: PullWorld;
  beforeEach(async () => {
    world = await pullWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('opens one by a push to refs/for, tells the pusher, and takes rewritten and added commits into it', async () => {
    const { store, work, commit, push, until, call } = world;
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
    const { commit, push } = world;
    await commit('x', { x: '1' });
    const note = /remote: look at http:\/\/h\/demo\/app\s*\nremote: or elsewhere/;
    expect((await push('HEAD:refs/heads/side')).stderr).toMatch(note);
    expect((await push('HEAD:refs/tags/v1')).stderr).toMatch(note);
    expect((await push(':refs/heads/side')).stderr).not.toMatch(/look at/);
    expect((await push('HEAD:refs/for/main')).stderr).not.toMatch(/look at/);
  });

  it('keeps topics apart, and refuses what cannot be proposed', async () => {
    const { commit, push } = world;
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

  it('follows a branch, takes comments, and is closed and opened again', async () => {
    const { work, commit, push, until, call } = world;
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

  it('gives a number to one change alone, whoever else wants it at that moment', async () => {
    const { store, hosted, commit, push } = world;
    const [a, b] = [await commit('a', { a: '1' }), await commit('b', { b: '1' })];
    await push('HEAD:refs/heads/both');
    const reader = new GitReader(await hosted());
    const pulls = new PullRequestStore(store, 'demo', 'app');
    const spec = { title: 't', targetBranch: 'main', state: 'open' } as const;
    const late = Promise.withResolvers<void>();
    const second = pulls.create(spec, [], async (number) => {
      await late.promise;
      return takeHead(reader, number, b);
    });
    const first = await pulls.create(spec, [], (number) => takeHead(reader, number, a));
    late.resolve();
    expect([first.spec?.number, (await second).spec?.number]).toEqual([1, 2]);
    expect(await reader.find(headRef(1))).toBe(a);
    expect(await reader.find(headRef(2))).toBe(b);
  });

  it('refuses what is no text, and words that only objects have', async () => {
    const { commit, push, call, until } = world;
    await commit('x', { x: '1' });
    await push('HEAD:refs/for/main');
    for (const [method, path, body] of [
      ['POST', '/pulls/1/reviews', { event: 'constructor', body: 'x' }],
      ['POST', '/pulls/1/reviews', { event: 'APPROVED', body: {} }],
      ['POST', '/pulls/1/merge', { Do: 'constructor' }],
      ['POST', '/issues/1/comments', { body: 7 }],
      ['PATCH', '/pulls/1', { title: 7 }],
      ['PATCH', '/pulls/1', { base: ['main'] }],
      ['POST', '/pulls', { head: {} }],
      ['POST', '/statuses/main', { state: 'success', context: [] }],
      ['POST', '/contents', { files: [{ operation: 'update', path: 'a.txt', sha: 5, content: '' }] }],
      ['POST', '/branches', { new_branch_name: 1 }],
      ['PATCH', '/pulls/1', ['title']],
    ] as const)
      expect((await call(method, path, body)).status, JSON.stringify(body)).toBe(422);
    expect((await call('PATCH', '/pulls/1', { title: 'still there', body: null })).status).toBe(200);
    await until(1, ({ spec }) => spec?.title === 'still there');
  });

  it('statuses of a commit are seen by the pull request', async () => {
    const { store, commit, push, until, check } = world;
    const head = await commit('x', { x: '1' });
    await push('HEAD:refs/for/main');
    await check(head, 'success');
    const pull = await until(1, ({ status }) => (status?.checks?.length ?? 0) > 0);
    expect(pull.status?.checks).toEqual([{ context: 'ci/test', state: 'success' }]);
    expect((await store.list<CommitStatus>(kinds.CommitStatus)).items).toHaveLength(1);
  });
});
