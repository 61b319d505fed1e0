import { kinds, type PullRequest, type Repository, type ResourceType } from '@tagboat/api';
import { type Clock, silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { until as untilChanged } from '@tagboat/store/testing/until';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { forgeController, statusReporter, webhookReceiver } from '../index.ts';
import type { ForgeName } from './forge.ts';

export const head = 'a'.repeat(40);
export const next = 'b'.repeat(40);
export const token = 'the-token';
export const secret = 'the-secret';

/** What the fake forges have: one change from inside, one from outside, and comments on it. */
export interface World {
  head: string;
  outsideState: 'open' | 'closed' | 'merged' | 'deleted';
  comments: { author: string; body: string; at: string }[];
  /** On the commit `head`. */
  commitComments: { author: string; body: string; at: string }[];
  updated: number;
  /** Nothing was pushed to it yet. */
  empty: boolean;
  readonly statuses: Record<string, unknown>[];
  readonly asked: string[];
  /** Of a GitHub App; their ids are their places, from 1. */
  readonly checkRuns: Record<string, unknown>[];
  /** Answers some requests instead of the forge: it is down, or something before it is. */
  instead?: (
    asked: string,
    authorization?: string,
  ) => { code: number; headers?: Record<string, string>; body?: string } | undefined;
}

/** Of a comment: the same as long as it is there. */
const idOf = (at: string) => Date.parse(at);
const stamp = (world: World) => `2026-01-01T00:00:${String(world.updated).padStart(2, '0')}Z`;

/** GitHub and Gitea: the same pull requests, told apart by how they say who is an insider. */
export function hubRoutes(app: FastifyInstance, world: World, kind: 'github' | 'gitea'): void {
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
  app.get(`${path}/pulls`, async (_request, reply) => {
    if (world.empty) return reply.code(404).send({ message: 'not found' });
    return world.outsideState === 'open' ? [pull(2), pull(1)] : [pull(1)];
  });
  app.get(path, async () => ({ empty: world.empty }));
  app.get<{ Params: { number: string } }>(`${path}/pulls/:number`, async ({ params }, reply) =>
    world.outsideState === 'deleted' ? reply.code(404).send({}) : pull(Number(params.number)),
  );
  app.get<{ Params: { number: string } }>(`${path}/issues/:number/comments`, async ({ params }) =>
    params.number === '1'
      ? []
      : world.comments.map(({ author, body, at }) => ({
          id: idOf(at),
          body,
          created_at: at,
          user: { login: author },
          ...(kind === 'github' ? { author_association: author === 'member' ? 'MEMBER' : 'NONE' } : {}),
        })),
  );
  app.get(`${path}/comments`, async () =>
    world.commitComments.map(({ author, body, at }, id) => ({
      id,
      body,
      commit_id: head,
      created_at: at,
      user: { login: author },
      author_association: author === 'member' ? 'MEMBER' : 'NONE',
    })),
  );
  const root = kind === 'github' ? '' : '/api/v1';
  app.get(`${root}/orgs/team/teams`, async () => [{ id: 7, name: 'admins' }]);
  for (const members of [`${root}/orgs/team/teams/admins/members`, `${root}/teams/7/members`])
    app.get(members, async () => [{ login: 'lead' }, { login: 'ada' }]);
  app.get<{ Params: { login: string } }>(`${path}/collaborators/:login`, async ({ params }, reply) =>
    reply.code(params.login === 'member' ? 204 : 404).send(),
  );
  app.post<{ Body: Record<string, unknown> }>(`${path}/check-runs`, async ({ body }, reply) =>
    reply.code(201).send({ id: world.checkRuns.push({ ...body }) }),
  );
  app.patch<{ Params: { id: string }; Body: Record<string, unknown> }>(
    `${path}/check-runs/:id`,
    async ({ params, body }) => Object.assign(world.checkRuns[Number(params.id) - 1]!, body),
  );
  app.post<{ Params: { sha: string }; Body: Record<string, unknown> }>(
    `${path}/statuses/:sha`,
    async ({ params, body }, reply) => {
      world.statuses.push({ ...body, sha: params.sha });
      return reply.code(201).send({});
    },
  );
}

export function labRoutes(app: FastifyInstance, world: World): void {
  const path = '/api/v4/projects/team%2Fapp';
  const request = (iid: number) => ({
    iid,
    title: iid === 1 ? 'inside' : 'outside',
    description: null,
    state:
      iid === 1
        ? 'opened'
        : { open: 'opened', closed: 'closed', merged: 'merged', deleted: '' }[world.outsideState],
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
  const authorOf = (author: string) => ({ id: author === 'member' ? 1 : 2, username: author });
  const notThere = Symbol();
  const routes: readonly [RegExp, (found: string, body: unknown) => unknown][] = [
    [/^\/merge_requests$/, () => (world.outsideState === 'open' ? [request(2), request(1)] : [request(1)])],
    [
      /^\/merge_requests\/(\d+)$/,
      (iid) => (world.outsideState === 'deleted' ? notThere : request(Number(iid))),
    ],
    [/^\/merge_requests\/1\/notes$/, () => []],
    [
      /^\/merge_requests\/2\/notes$/,
      () =>
        world.comments.map(({ author, body, at }) => ({
          ...{ id: idOf(at), body, system: false, created_at: at },
          author: authorOf(author),
        })),
    ],
    [
      new RegExp(`^/repository/commits/${head}/comments$`),
      () =>
        world.commitComments.map(({ author, body, at }) => ({
          ...{ note: body, created_at: at },
          author: authorOf(author),
        })),
    ],
    [/^\/members\/all\/(\d+)$/, (id) => (id === '1' ? { access_level: 40 } : notThere)],
    [/^\/statuses\/(\w+)$/, (sha, body) => void world.statuses.push({ ...(body as object), sha })],
  ];
  // The path of a project is one segment with an encoded slash, which the router decodes.
  app.route({
    method: ['GET', 'POST'],
    url: '/api/v4/*',
    handler: async (asked, reply) => {
      const [where = ''] = asked.url.split('?');
      if (where === '/api/v4/groups/admins/members/all') return [{ username: 'lead' }, { username: 'ada' }];
      for (const [pattern, answer] of routes) {
        const found = pattern.exec(where.slice(path.length));
        const answered = found ? answer(found[1] ?? '', asked.body) : notThere;
        if (answered !== notThere) return answered ?? {};
      }
      return reply.code(404).send({ message: `nothing at ${where}` });
    },
  });
}

export const authorized: Record<ForgeName, (request: FastifyRequest) => boolean> = {
  github: ({ headers }) => headers.authorization === `Bearer ${token}`,
  gitea: ({ headers }) => headers.authorization === `token ${token}`,
  gitlab: ({ headers }) => headers.authorization === `Bearer ${token}`,
};

export type ForgeWorld = Awaited<ReturnType<typeof forgeWorld>>;

/** A fake forge, the repository `demo/app` that is there, and the controllers that follow it, for tests to play with. */
export async function forgeWorld(type: ForgeName, clock: Clock = systemClock) {
  const running: AsyncDisposable[] = [];
  const key = { type: kinds.Repository, namespace: 'demo', name: 'app' };
  const world: World = {
    head,
    outsideState: 'open',
    comments: [],
    commitComments: [],
    updated: 1,
    empty: false,
    statuses: [],
    asked: [],
    checkRuns: [],
  };
  const fake = Fastify();
  fake.addHook('onRequest', async (request, reply) => {
    world.asked.push(`${request.method} ${request.url}`);
    const odd = world.instead?.(`${request.method} ${request.url}`, request.headers.authorization);
    if (odd)
      return reply
        .code(odd.code)
        .headers(odd.headers ?? {})
        .send(odd.body ?? '');
    if (!authorized[type](request)) return reply.code(401).send({ message: 'who?' });
    return undefined;
  });
  if (type === 'gitlab') labRoutes(fake, world);
  else hubRoutes(fake, world, type);
  const url = await fake.listen({ port: 0, host: '127.0.0.1' });
  const store = new ObjectStore({});
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
  const common = { store, clock, log: silentLogger };
  const controller = forgeController(common).start();
  running.push(controller, statusReporter(common).start());
  const looked: string[] = [];
  const receiver = Fastify();
  await receiver.register(
    (scope) =>
      webhookReceiver(scope, {
        reader: store,
        log: silentLogger,
        look: (...what) => void looked.push(what.join('/')),
      }),
    { prefix: '/webhooks' },
  );
  const until = <T>(type: ResourceType, holds: () => Promise<T | undefined | false>) =>
    untilChanged(store, type, holds);
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
  return {
    store,
    world,
    url,
    key,
    controller,
    looked,
    receiver,
    until,
    pull,
    change,
    [Symbol.asyncDispose]: async () => {
      for (const item of running) await item[Symbol.asyncDispose]();
      await fake.close();
      await receiver.close();
      await store[Symbol.asyncDispose]();
    },
  };
}
