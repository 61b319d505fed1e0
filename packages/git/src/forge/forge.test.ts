import { type CommitStatus, kinds, type Repository } from '@tagboat/api';
import { mutate } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ForgeName, forgeNameOf, forgeSpecOf } from './forge.ts';
import { type ForgeWorld, forgeWorld, head, next } from './forge-world.testing.ts';

describe.each<ForgeName>(['github', 'gitlab', 'gitea'])('%s', (type) => {
  let here: ForgeWorld;
  beforeEach(async () => {
    here = await forgeWorld(type);
  });
  afterEach(() => here[Symbol.asyncDispose]());

  it('follows pull requests: who is from outside, what was there before, heads, comments and their end', async () => {
    const { store, world, key, until, pull, change } = here;
    world.comments = [{ author: 'member', body: '/test', at: '2025-01-01T00:00:00.123Z' }];
    const inside = await pull(1, ({ status }) => status?.headCommit === head);
    expect(inside).toMatchObject({
      metadata: { annotations: { 'tagboat.dev/initial-head': head } },
      spec: {
        title: 'inside',
        targetBranch: 'main',
        sourceRef: 'refs/heads/x',
        labels: ['bug'],
        state: 'open',
      },
    });
    expect(inside.spec?.external).toBeUndefined();
    const outside = await pull(2, ({ spec }) => (spec?.comments?.length ?? 0) === 1);
    expect(outside).toMatchObject({
      spec: { external: true, author: 'stranger' },
      status: { commandsRead: 1 },
    });
    await until(
      kinds.Repository,
      async () =>
        (await store.get<Repository>(key))?.metadata.annotations?.['tagboat.dev/pull-requests-followed'],
    );
    change({
      head: next,
      comments: [
        ...world.comments,
        { author: 'stranger', body: '/ok-to-test', at: '2026-01-01T00:00:00+01:00' },
      ],
    });
    const moved = await pull(
      2,
      ({ spec, status }) => status?.headCommit === next && spec?.comments?.length === 2,
    );
    expect(
      moved.spec?.comments?.map(({ author, trusted, createdAt }) => [author, trusted, createdAt]),
    ).toEqual([
      ['member', true, '2025-01-01T00:00:00Z'],
      ['stranger', false, '2025-12-31T23:00:00Z'],
    ]);
    expect(moved.status?.commandsRead).toBe(1);
    change({ outsideState: 'merged' });
    const merged = await pull(2, ({ spec }) => spec?.state === 'merged');
    expect(merged).toMatchObject({ status: { mergedAt: expect.any(String), mergeCommit: 'c'.repeat(40) } });
  });

  it('tells the forge of statuses, each once', async () => {
    const { store, world, until } = here;
    const spec = {
      repository: 'app',
      commit: head,
      context: 'tagboat/check/m',
      state: 'failure' as const,
      description: 'x'.repeat(500),
      targetUrl: 'http://c/run',
      updatedAt: 'now',
    };
    const status = await store.create<CommitStatus>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'CommitStatus',
      metadata: { name: 's', namespace: 'demo' },
      spec,
    });
    const own = { type: kinds.CommitStatus, namespace: 'demo', name: status.metadata.name };
    const reported = (before?: string) =>
      until(kinds.CommitStatus, async () => {
        const digest = (await store.get<CommitStatus>(own))?.status?.reported?.digest;
        return digest !== before && digest;
      });
    const first = await reported();
    expect(world.statuses).toHaveLength(1);
    expect(world.statuses[0]).toMatchObject(
      type === 'gitlab'
        ? { name: spec.context, state: 'failed', sha: head }
        : { context: spec.context, state: 'failure', sha: head },
    );
    if (type !== 'gitea') expect(String(world.statuses[0]!.description).length).toBeLessThan(256);
    await mutate<CommitStatus>(store, own, (draft) => {
      draft.spec!.updatedAt = 'later';
    });
    await mutate<CommitStatus>(store, own, (draft) => {
      draft.spec!.state = 'success';
    });
    await reported(first);
    expect(world.statuses.map(({ state }) => state)).toEqual([
      type === 'gitlab' ? 'failed' : 'failure',
      'success',
    ]);
  });

  it('says beside the repository what is wrong with the forge, and hides the token', async () => {
    const { store, key, controller, until } = here;
    await mutate(store, { type: kinds.Secret, namespace: 'demo', name: 'forge' }, (draft) => {
      (draft as unknown as { data: Record<string, string> }).data.token =
        Buffer.from('old-token').toString('base64');
    });
    controller.enqueue(key);
    const message = await until(kinds.Repository, async () => {
      const found = (await store.get<Repository>(key))?.status?.conditions?.find(
        ({ type: name }) => name === 'ForgeReady',
      );
      return found?.status === 'False' && found.message;
    });
    expect(message).toMatch(/answered 401.*check the token/);
    expect(message).not.toContain('old-token');
  });
});

it('reads git_provider as Pipelines-as-Code writes it', () => {
  const read = (git_provider: NonNullable<Repository['spec']>['git_provider']) =>
    forgeSpecOf({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'r' },
      spec: { git_provider: git_provider! },
    });
  expect(
    read({
      type: 'gitlab',
      url: 'https://lab.example.com',
      secret: { name: 's' },
      webhook_secret: { name: 'w', key: 'k' },
    }),
  ).toEqual({
    type: 'gitlab',
    url: 'https://lab.example.com/api/v4',
    token: { secretName: 's', key: 'provider.token' },
    webhookSecret: { secretName: 'w', key: 'k' },
  });
  expect(read({ type: 'github', url: 'https://api.github.com' })?.url).toBe('https://api.github.com');
  expect(read({ type: 'forgejo', url: 'https://h/sub/api/v1' })).toEqual({
    type: 'gitea',
    url: 'https://h/sub/api/v1',
  });
});

it('knows the forges by their hosts', () => {
  const named = (url: string) => forgeNameOf({ spec: { url, forge: {} } } as Repository);
  expect(named('https://github.com/a/b.git')).toBe('github');
  expect(named('git@gitlab.example.org:a/b.git')).toBe('gitlab');
  expect(named('ssh://git@codeberg.org:22/a/b')).toBe('gitea');
  expect(() => named('https://git.example.org/a/b')).toThrow(/which forge is at git.example.org/);
});
