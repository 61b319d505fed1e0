import type { PullRequest } from '@tagboat/api';
import { git } from '@tagboat/git-client';
import { mutateStatus } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PullWorld, pullWorld } from './pull-world.testing.ts';

describe('merging a pull request', () => {
  let world: PullWorld;
  beforeEach(async () => {
    world = await pullWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('waits for checks, refuses a change whose checks failed, and merges it when they pass', async () => {
    const { commit, push, until, call, handled, check } = world;
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
    const { work, commit, push, until, call, handled } = world;
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
    expect((await call('POST', '/pulls/1/merge', { Do: 'rebase-merge' })).status).toBe(422);
  });

  it('rebases a change commit by commit, refuses one that does not fit, and finds what was not recorded', async () => {
    const { store, work, commit, push, key, until, call, handled } = world;
    await commit('first thing', { 'a.txt': 'mine\n' });
    await commit('back again', { 'a.txt': 'one\n', x: '1' });
    const head = await commit('second thing', { y: '1' });
    await push('HEAD:refs/for/main');
    await git(['checkout', '-q', '--detach', 'origin/main'], { cwd: work });
    await commit('theirs', { 'a.txt': 'theirs\n' });
    await push('HEAD:refs/heads/main');
    await handled(1, head);
    await until(1, ({ status }) => status?.mergeable === true);
    const refused = await call('POST', '/pulls/1/merge', { Do: 'rebase' });
    expect(refused.status).toBe(409);
    expect((refused.body as { message: string }).message).toMatch(
      /\(first thing\) changes the same lines as main/,
    );
    await git(['checkout', '-q', '--detach', head], { cwd: work });
    await git(['rebase', '-q', '--onto', 'HEAD~3', 'HEAD~1'], { cwd: work });
    const alone = await commit('third thing', { z: '1' });
    await push('HEAD:refs/for/main', 'pull=1');
    await handled(1, alone);
    await until(1, ({ status }) => status?.headCommit === alone && status.mergeable === true);
    const done = await call('POST', '/pulls/1/merge', { Do: 'rebase', head_commit_id: alone });
    expect(done.body).toMatchObject({ merged: true });
    const log = (await call('GET', '/commits?sha=main')).body as {
      sha: string;
      commit: { message: string };
    }[];
    expect(log.map(({ commit: { message } }) => message.split('\n')[0])).toEqual([
      'third thing',
      'second thing',
      'theirs',
      'one',
    ]);
    expect(log[0]?.commit.message).toContain(`Pull-Request-Head: ${alone}`);
    await mutateStatus<PullRequest>(store, key(1), (draft) => {
      delete draft.status!.mergedAt;
      delete draft.status!.mergeCommit;
    });
    const again = await until(1, ({ status }) => status?.mergedAt !== undefined);
    expect(again.status?.mergeCommit).toBe(log[0]?.sha);
  });

  it('squashes a change into one commit by its author; one that was not recorded is found in the history', async () => {
    const { store, commit, push, key, until, call, handled } = world;
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

  it('a push to one whose merge waits for its checks updates it, and the merge of the head before is refused', async () => {
    const { commit, push, until, handled, check, call } = world;
    const head = await commit('x', { x: '1' });
    await push('HEAD:refs/for/main');
    await until(1, ({ status }) => status?.mergeable === true);
    await handled(1, head);
    await check(head, 'pending');
    await until(1, ({ status }) => status?.checks?.length === 1);
    expect((await call('POST', '/pulls/1/merge', { head_commit_id: head })).body).toMatchObject({
      merged: false,
    });
    await commit('y', { y: '1' });
    expect((await push('HEAD:refs/for/main')).stderr).toMatch(/Pull request 1 updated/);
    const refused = await until(1, ({ spec }) => spec?.state === 'open');
    expect(refused.status?.conditions?.find(({ type }) => type === 'Merged')?.reason).toBe('HeadMoved');
  });
});
