import { type CommitComment, kinds, type Repository } from '@tagboat/api';
import { mutate, mutateStatus } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForgeName } from './forge.ts';
import { type ForgeWorld, forgeWorld, head } from './forge-world.testing.ts';

describe.each<ForgeName>(['github', 'gitlab', 'gitea'])('%s', (type) => {
  let here: ForgeWorld;
  beforeEach(async () => {
    here = await forgeWorld(type);
  });
  afterEach(() => here[Symbol.asyncDispose]());

  it('tells who is in the teams that the policy names', async () => {
    const { store, key, controller, until } = here;
    await mutate<Repository>(store, key, (draft) => {
      draft.spec!.settings = { policy: { ok_to_test: ['admins', 'nobody-knows'] } };
    });
    controller.enqueue(key);
    const teams = await until(
      kinds.Repository,
      async () => (await store.get<Repository>(key))?.status?.teams,
    );
    expect(teams).toEqual({ admins: ['ada', 'lead'] });
  });
});

it('a repository of Gitea that nothing was pushed to has no pull requests, and nothing is wrong with it', async () => {
  await using here = await forgeWorld('gitea');
  const { store, key, controller, until, world } = here;
  world.empty = true;
  await until(kinds.Repository, async () => {
    controller.enqueue(key);
    const { conditions = [] } = (await store.get<Repository>(key))?.status ?? {};
    if (!world.asked.includes('GET /api/v1/repos/team/app')) return false;
    return conditions.some(({ type, status }) => type === 'ForgeReady' && status === 'True');
  });
});

// Gitea has no comments on commits.
describe.each<ForgeName>(['github', 'gitlab'])('comments on commits of %s', (type) => {
  let here: ForgeWorld;
  beforeEach(async () => {
    here = await forgeWorld(type);
  });
  afterEach(() => here[Symbol.asyncDispose]());

  it('tells what is said of heads from when it was connected, once each', async () => {
    const { store, key, controller, until, world } = here;
    const since = 'tagboat.dev/commit-comments-since';
    const sinceOf = async () => (await store.get<Repository>(key))?.metadata.annotations?.[since];
    await mutateStatus<Repository>(store, key, (draft) => {
      draft.status = { ...draft.status, refs: { 'refs/heads/main': head } };
    });
    await until(kinds.Repository, sinceOf);
    const say = (author: string, body: string, at: string) => {
      world.commitComments = [...world.commitComments, { author, body, at }];
    };
    say('member', '/test old', '2020-01-01T00:00:00Z');
    say('member', '/test', '2100-01-01T00:00:00.500Z');
    say('stranger', '/test', '2100-01-01T00:00:01Z');
    controller.enqueue(key);
    const comments = async () => (await store.list<CommitComment>(kinds.CommitComment)).items;
    await until(kinds.Repository, async () => (await sinceOf()) === '2100-01-01T00:00:01Z');
    say('member', '/cancel', '2100-01-01T00:00:02Z');
    controller.enqueue(key);
    await until(kinds.Repository, async () => (await sinceOf()) === '2100-01-01T00:00:02Z');
    const said = (await comments()).map(({ spec }) => [
      spec?.author,
      spec?.body,
      spec?.trusted,
      spec?.commit,
    ]);
    expect(said.sort()).toEqual([
      ['member', '/cancel', true, head],
      ['member', '/test', true, head],
      ['stranger', '/test', false, head],
    ]);
  });
});
