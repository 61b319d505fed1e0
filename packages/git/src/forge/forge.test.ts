import { type CommitStatus, kinds, type PullRequest, type Repository, type ResourceType } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutate, ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgeController, statusReporter, webhookReceiver } from '../index.ts';
import { type ForgeName, forgeNameOf, forgeSpecOf } from './forge.ts';
import { signatureOf } from './rest-client.ts';

const head = 'a'.repeat(40);
const next = 'b'.repeat(40);
const token = 'the-token';
const secret = 'the-secret';

/** What the fake forges have: one change from inside, one from outside, and comments on it. */
interface World {
  head: string;
  outsideState: 'open' | 'closed' | 'merged';
  comments: { author: string; body: string; at: string }[];
  updated: number;
  readonly statuses: Record<string, unknown>[];
  readonly asked: string[];
}

const stamp = (world: World) => `2026-01-01T00:00:${String(world.updated).padStart(2, '0')}Z`;

/** GitHub and Gitea: the same pull requests, told apart by how they say who is an insider. */
function hubRoutes(app: FastifyInstance, world: World, kind: 'github' | 'gitea'): void {
  const side = (ref: string, sha: string, repo: string) => ({
    ref,
    sha,
    repo: { full_name: repo, clone_url: `http://h/${repo}.git` },
  });
  const pull = (number: number) => ({
    number,
    title: number === 1 ? 'inside' : 'outside',
    body: null,
    state: number === 2 && world.outsideState !== 'open' ? 'closed' : 'open',
    merged: number === 2 && world.outsideState === 'merged',
    merge_commit_sha: 'c'.repeat(40),
    html_url: `http://h/team/app/pull/${number}`,
    updated_at: stamp(world),
    user: { login: number === 1 ? 'member' : 'stranger' },
    ...(kind === 'github' ? { author_association: number === 1 ? 'MEMBER' : 'NONE' } : {}),
    labels: [{ name: 'bug' }],
    head: number === 1 ? side('x', world.head, 'team/app') : side('y', world.head, 'stranger/app'),
    base: side('main', '0'.repeat(40), 'team/app'),
  });
  const path = kind === 'github' ? '/repos/team/app' : '/api/v1/repos/team/app';
  app.get(`${path}/pulls`, async () => (world.outsideState === 'open' ? [pull(2), pull(1)] : [pull(1)]));
  app.get<{ Params: { number: string } }>(`${path}/pulls/:number`, async ({ params }) =>
    pull(Number(params.number)),
  );
  app.get<{ Params: { number: string } }>(`${path}/issues/:number/comments`, async ({ params }) =>
    params.number === '1'
      ? []
      : world.comments.map(({ author, body, at }, id) => ({
          id,
          body,
          created_at: at,
          user: { login: author },
          ...(kind === 'github' ? { author_association: author === 'member' ? 'MEMBER' : 'NONE' } : {}),
        })),
  );
  app.get<{ Params: { login: string } }>(`${path}/collaborators/:login`, async ({ params }, reply) =>
    reply.code(params.login === 'member' ? 204 : 404).send(),
  );
  app.post<{ Params: { sha: string }; Body: Record<string, unknown> }>(
    `${path}/statuses/:sha`,
    async ({ params, body }, reply) => {
      world.statuses.push({ ...body, sha: params.sha });
      return reply.code(201).send({});
    },
  );
}

function labRoutes(app: FastifyInstance, world: World): void {
  const path = '/api/v4/projects/team%2Fapp';
  const request = (iid: number) => ({
    iid,
    title: iid === 1 ? 'inside' : 'outside',
    description: null,
    state: iid === 1 ? 'opened' : { open: 'opened', closed: 'closed', merged: 'merged' }[world.outsideState],
    sha: world.head,
    author: { id: iid, username: iid === 1 ? 'member' : 'stranger' },
    source_branch: iid === 1 ? 'x' : 'y',
    target_branch: 'main',
    source_project_id: iid === 1 ? 10 : 11,
    target_project_id: 10,
    labels: ['bug'],
    web_url: `http://h/team/app/-/merge_requests/${iid}`,
    updated_at: stamp(world),
    merge_commit_sha: world.outsideState === 'merged' ? 'c'.repeat(40) : null,
  });
  // The path of a project is one segment with an encoded slash, which the router decodes.
  app.route({
    method: ['GET', 'POST'],
    url: '/api/v4/*',
    handler: async (asked, reply) => {
      const [where] = asked.url.split('?');
      const rest = where!.slice(path.length);
      if (rest === '/merge_requests')
        return world.outsideState === 'open' ? [request(2), request(1)] : [request(1)];
      const one = /^\/merge_requests\/(\d+)$/.exec(rest);
      if (one) return request(Number(one[1]));
      if (rest === '/merge_requests/1/notes') return [];
      if (rest === '/merge_requests/2/notes')
        return world.comments.map(({ author, body, at }, id) => ({
          id,
          body,
          system: false,
          created_at: at,
          author: { id: author === 'member' ? 1 : 2, username: author },
        }));
      const member = /^\/members\/all\/(\d+)$/.exec(rest);
      if (member)
        return member[1] === '1' ? { access_level: 40 } : reply.code(404).send({ message: 'not found' });
      const status = /^\/statuses\/(\w+)$/.exec(rest);
      if (status) {
        world.statuses.push({ ...(asked.body as object), sha: status[1] });
        return reply.code(201).send({});
      }
      return reply.code(404).send({ message: `nothing at ${rest}` });
    },
  });
}

const authorized: Record<ForgeName, (request: FastifyRequest) => boolean> = {
  github: ({ headers }) => headers.authorization === `Bearer ${token}`,
  gitea: ({ headers }) => headers.authorization === `token ${token}`,
  gitlab: ({ headers }) => headers['private-token'] === token,
};

describe.each<ForgeName>(['github', 'gitlab', 'gitea'])('%s', (type) => {
  let store: ObjectStore;
  let fake: FastifyInstance;
  let world: World;
  let controller: ReturnType<typeof forgeController>;
  let looked: string[];
  let receiver: FastifyInstance;
  const running: AsyncDisposable[] = [];
  const key = { type: kinds.Repository, namespace: 'demo', name: 'app' };
  beforeEach(async () => {
    world = { head, outsideState: 'open', comments: [], updated: 1, statuses: [], asked: [] };
    fake = Fastify();
    fake.addHook('onRequest', async (request, reply) => {
      world.asked.push(`${request.method} ${request.url}`);
      if (!authorized[type](request)) return reply.code(401).send({ message: 'who?' });
      return undefined;
    });
    if (type === 'gitlab') labRoutes(fake, world);
    else hubRoutes(fake, world, type);
    const url = await fake.listen({ port: 0, host: '127.0.0.1' });
    store = new ObjectStore({});
    const encoded = (text: string) => Buffer.from(text).toString('base64');
    await store.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'forge', namespace: 'demo' },
      data: { token: encoded(token), 'webhook-secret': encoded(secret) },
    } as never);
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'demo' },
      spec: {
        url: `${url}/team/app.git`,
        intervalSeconds: 3600,
        credentialsFrom: { secretName: 'forge' },
        forge: { type, webhookSecret: { secretName: 'forge' }, ...(type === 'github' ? { url } : {}) },
      },
    });
    const common = { store, clock: systemClock, log: silentLogger };
    controller = forgeController(common).start();
    running.push(controller, statusReporter(common).start());
    looked = [];
    receiver = Fastify();
    await receiver.register(
      (scope) =>
        webhookReceiver(scope, {
          reader: store,
          log: silentLogger,
          look: (...what) => void looked.push(what.join('/')),
        }),
      { prefix: '/webhooks' },
    );
  });
  afterEach(async () => {
    for (const item of running.splice(0)) await item[Symbol.asyncDispose]();
    await fake.close();
    await receiver.close();
    await store[Symbol.asyncDispose]();
  });
  async function until<T>(type: ResourceType, holds: () => Promise<T | undefined | false>): Promise<T> {
    const { resourceVersion } = await store.list(type);
    const first = await holds();
    if (first) return first;
    for await (const _ of store.watch(type, {}, { from: resourceVersion })) {
      const found = await holds();
      if (found) return found;
    }
    throw new Error('the watch ended');
  }
  const pull = (number: number, holds: (pull: PullRequest) => boolean) =>
    until(kinds.PullRequest, async () => {
      const found = await store.get<PullRequest>({
        type: kinds.PullRequest,
        namespace: 'demo',
        name: `app-${number}`,
      });
      return found && holds(found) && found;
    });
  const change = (what: Partial<World>) => {
    Object.assign(world, what, { updated: world.updated + 1 });
    controller.enqueue(key);
  };

  it('follows pull requests: who is from outside, what was there before, heads, comments and their end', async () => {
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

  it('takes a webhook with the right signature alone', async () => {
    const payload = JSON.stringify({ any: 'thing' });
    const signed = (with_: string): Record<string, string> => {
      const signature = signatureOf(Buffer.from(payload), with_);
      return {
        github: { 'x-hub-signature-256': `sha256=${signature}` },
        gitea: { 'x-gitea-signature': signature },
        gitlab: { 'x-gitlab-token': with_ },
      }[type];
    };
    const send = (headers: Record<string, string>, path = '/webhooks/demo/app') =>
      receiver.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json', ...headers },
        payload,
      });
    expect((await send(signed('wrong'))).statusCode).toBe(403);
    expect((await send({})).statusCode).toBe(403);
    expect((await send(signed(secret), '/webhooks/demo/other')).statusCode).toBe(403);
    expect(looked).toEqual([]);
    expect((await send(signed(secret))).statusCode).toBe(202);
    expect(looked).toEqual(['demo/app']);
  });

  it('says beside the repository what is wrong with the forge, and hides the token', async () => {
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
