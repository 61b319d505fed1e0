import { type CommitStatus, kinds, type PullRequest, type Repository } from '@tagboat/api';
import { mutate, mutateStatus } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PullWorld, pullWorld, tektonRun } from './pull-world.testing.ts';

describe('comments on pull requests', () => {
  let world: PullWorld;
  beforeEach(async () => {
    world = await pullWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('does what comments ask for, once each', async () => {
    const { commit, pullOf, say, runs, handled, read, finish, status } = world;
    await commit({ '.tekton/a.yaml': tektonRun('a'), '.tekton/b.yaml': tektonRun('b') }, 'main');
    const head = await commit(
      { '.tekton/a.yaml': tektonRun('a'), '.tekton/b.yaml': tektonRun('b'), x: '1' },
      'change',
    );
    await pullOf(head);
    await handled(head);
    const [a, b] = (await runs()).map(({ metadata }) => metadata.name).sort() as [string, string];
    await finish(a, 'True');
    await finish(b, 'False');
    await say('/retest');
    await read(1);
    const again = (await runs()).filter(({ metadata }) => /-r1-/.test(metadata.name));
    expect(again.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name'])).toEqual(['b']);
    await status('tagboat/check/b', 'pending');
    await say('/test a');
    await read(2);
    expect((await runs()).filter(({ metadata }) => /^a-pr-1-r2-/.test(metadata.name))).toHaveLength(1);
    await say('/cancel b');
    await say('nice work');
    await read(4);
    const cancelled = (await runs()).filter(({ spec }) => spec?.status === 'CancelledRunFinally');
    expect(cancelled.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name'])).toEqual(['b']);
    await say('/test', { trusted: false });
    await read(5);
    expect(await runs()).toHaveLength(4);
  });

  it('the policy of a repository says who may ask, and whose own changes run', async () => {
    const { store, key, commit, pullOf, say, runs, handled, read, status, repositoryKey } = world;
    await mutate<Repository>(store, repositoryKey, (draft) => {
      draft.spec = { settings: { policy: { ok_to_test: ['Lead'], pull_request: ['friend'] } } };
    });
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    await pullOf(head, { author: 'ada' });
    await status('tagboat/approval', 'pending');
    await say(`/ok-to-test ${head.slice(0, 10)}`);
    await read(1);
    expect(await runs()).toEqual([]);
    await say(`/ok-to-test ${head.slice(0, 10)}`, { author: 'lead' });
    await handled(head);
    expect(await runs()).toHaveLength(1);
    const next = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '2' }, 'change');
    await pullOf(next);
    await mutate<PullRequest>(store, key, (draft) => {
      draft.spec!.author = 'friend';
    });
    await handled(next);
    expect(await runs()).toHaveLength(2);
  });

  it('code from outside runs only after somebody allowed that very commit', async () => {
    const { store, commit, pullOf, say, until, runs, handled, read, status } = world;
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    await pullOf(head, { external: true });
    const waiting = await status('tagboat/approval', 'pending');
    expect(waiting.spec?.description).toContain(`/ok-to-test ${head}`);
    await say('/test', { trusted: true });
    await say('/ok-to-test', { trusted: false });
    await say('/ok-to-test', { createdAt: '2025-12-31T00:00:00Z' });
    await say(`/ok-to-test ${'0'.repeat(10)}`);
    // In the very second in which the head was seen nobody can tell which came first.
    await say('/ok-to-test', { createdAt: '2026-01-01T00:00:00Z' });
    // Said of what was there before, and a short name of a commit can be given to another one.
    await say('/ok-to-test', { commit: 'd'.repeat(40) });
    await say(`/ok-to-test ${head.slice(0, 7)}`, { commit: 'd'.repeat(40) });
    await say(`/ok-to-test ${'e'.repeat(40)}`, { commit: head });
    await read(8);
    expect(await runs()).toEqual([]);
    await say(`/ok-to-test ${head.slice(0, 10)}`);
    await handled(head);
    await status('tagboat/approval', 'success');
    expect((await runs())[0]?.metadata.labels).toMatchObject({ 'tagboat.dev/untrusted': 'true' });
    const next = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '2' }, 'change');
    await pullOf(next, { external: true });
    await until(kinds.CommitStatus, async () =>
      (await store.list<CommitStatus>(kinds.CommitStatus)).items.some(
        ({ spec }) => spec?.commit === next && spec.state === 'pending',
      ),
    );
    expect(await runs()).toHaveLength(1);
  });

  it('the whole name of a commit allows it, whenever it is said', async () => {
    const { commit, pullOf, say, handled } = world;
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    await pullOf(head, { external: true });
    await say(`/ok-to-test ${head}`, { createdAt: '2025-12-31T00:00:00Z', commit: 'd'.repeat(40) });
    await handled(head);
  });

  it('a policy that is taken back ends the waiting', async () => {
    const { repositoryKey, commit, pullOf, status, runs, handled, store, key } = world;
    const policy = (settings: Record<string, unknown>) =>
      mutate<Repository>(store, repositoryKey, (draft) => {
        draft.spec = { settings };
      });
    await policy({ policy: { pull_request: ['nobody'] } });
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    await pullOf(head, { author: 'ada' });
    const waits = await status('tagboat/approval', 'pending');
    await mutateStatus<PullRequest>(store, key, (draft) => {
      draft.status = { ...draft.status, checks: [{ context: waits.spec!.context, state: 'pending' }] };
    });
    await policy({});
    await handled(head);
    expect(await runs()).toHaveLength(1);
    await status('tagboat/approval', 'success');
  });

  it('a team of the policy counts with its members, and nobody is a team by their name', async () => {
    const { repositoryKey, commit, pullOf, status, say, read, runs, handled, store } = world;
    await mutate<Repository>(store, repositoryKey, (draft) => {
      draft.spec = { settings: { policy: { ok_to_test: ['admins', 'ops'] }, groups: { ops: ['olga'] } } };
    });
    await mutateStatus<Repository>(store, repositoryKey, (draft) => {
      draft.status = { ...draft.status, teams: { admins: ['Lead'] } };
    });
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    // A policy without pull_request lets nobody's changes run by themselves.
    await pullOf(head, { author: 'ada' });
    await status('tagboat/approval', 'pending');
    await say(`/ok-to-test ${head.slice(0, 10)}`, { author: 'admins', trusted: false });
    await say(`/ok-to-test ${head.slice(0, 10)}`, { author: 'ops', trusted: true });
    await read(2);
    expect(await runs()).toEqual([]);
    await say(`/ok-to-test ${head.slice(0, 10)}`, { author: 'lead', trusted: false });
    await handled(head);
    expect(await runs()).toHaveLength(1);
    await say('/test a', { author: 'olga', trusted: false });
    await read(4);
    expect(await runs()).toHaveLength(2);
  });
});
