import type { PullRequest, PullRequestComment } from '@tagboat/api';
import { conflict, invalid, notFound } from '@tagboat/base';
import { mutate } from '@tagboat/store';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { takeHead, takenNumbers } from '../pulls/propose.ts';
import { headRef, keyOfPull, PullRequestStore } from '../pulls/pull-request-store.ts';
import { changesBetween } from './changes.ts';
import { type Find, type Found, hostedHere, mergeRoutes } from './merge-routes.ts';
import { pullShape } from './pull-shape.ts';
import { type Opened, pageHeaders, pageOf, queryOf, type RestContext, repo } from './rest-context.ts';
import { commitShape, fileShape, idOf, userShape } from './shapes.ts';

const longestComment = 64 * 2 ** 10;
const mostComments = 2_000;

interface PullBody {
  readonly title?: string;
  readonly body?: string;
  readonly head?: string;
  readonly base?: string;
  readonly state?: string;
}

/** Pull requests: list, open, change, review, comment, merge. */
export function pullRoutes(app: FastifyInstance, context: RestContext): void {
  const storeOf = ({ namespace, name }: Opened) =>
    new PullRequestStore(context.options.store, namespace, name);
  const find = async (request: FastifyRequest): Promise<Found> => {
    const opened = await context.open(request);
    const number = Number((request.params as { number: string }).number);
    if (!Number.isSafeInteger(number) || number < 1) throw notFound('expected the number of a pull request');
    const pulls = storeOf(opened);
    return { ...opened, pulls, pull: await pulls.get(number) };
  };
  const user = (request: FastifyRequest) => context.options.userOf(request);

  app.get(`${repo}/pulls`, async (request, reply) => {
    const opened = await context.open(request);
    const { state = 'open' } = queryOf(request);
    const all = (await storeOf(opened).all()).filter(
      ({ spec }) => state === 'all' || (spec?.state === 'open') === (state === 'open'),
    );
    const page = pageOf(request.query);
    pageHeaders(reply, page, all.length);
    return all.slice(page.skip, page.skip + page.limit).map((pull) => pullShape(opened, pull));
  });
  app.post<{ Body: PullBody }>(`${repo}/pulls`, async (request, reply) => {
    const opened = await context.open(request);
    hostedHere(opened.repository);
    const pull = await open(opened, storeOf(opened), { body: request.body ?? {}, author: user(request) });
    return reply.code(201).send(pullShape(opened, pull));
  });
  app.get(`${repo}/pulls/:number`, async (request) => {
    const found = await find(request);
    return pullShape(found, found.pull);
  });
  app.patch<{ Body: PullBody }>(`${repo}/pulls/:number`, async (request) => {
    const found = await find(request);
    return pullShape(found, await edit(found, request.body ?? {}));
  });
  changeRoutes(app, find);
  talkRoutes(app, { find, user });
  mergeRoutes(app, { find, user });
}

/** What a pull request changes. */
function changeRoutes(app: FastifyInstance, find: Find): void {
  const range = async ({ reader, pull }: Found) => {
    const head = pull.status?.headCommit ?? (await reader.find(headRef(pull.spec!.number)));
    const merged = pull.status?.mergeCommit;
    const target = pull.status?.baseCommit ?? (await reader.find(`refs/heads/${pull.spec!.targetBranch}`));
    if (!head || !target) throw notFound('the commits of this pull request are not here');
    const base = merged && merged !== head ? (await reader.commit(merged)).parents[0]! : target;
    return { head, base, common: await reader.mergeBase(base, head) };
  };
  app.get(`${repo}/pulls/:number/commits`, async (request, reply) => {
    const found = await find(request);
    const { head, base } = await range(found);
    const page = pageOf(request.query, { limit: 50 });
    pageHeaders(reply, page, await found.reader.count([head, `^${base}`]));
    const commits = await found.reader.log([head, `^${base}`], page);
    return commits.map((commit) => commitShape(found.links, commit));
  });
  app.get(`${repo}/pulls/:number/files`, async (request, reply) => {
    const found = await find(request);
    const { head, common } = await range(found);
    const page = pageOf(request.query, { limit: 50, most: 1000 });
    const changes = await changesBetween(found.reader, { base: common, head, patches: true });
    pageHeaders(reply, page, changes.totalFiles);
    return changes.files
      .slice(page.skip, page.skip + page.limit)
      .map((file) => fileShape(found.links, head, file));
  });
  app.get<{ Params: { number: string } }>(`${repo}/pulls/:number.diff`, async (request, reply) => {
    const found = await find(request);
    const { head, common } = await range(found);
    const text = await found.reader.run(
      ['diff', '--no-ext-diff', '--no-textconv', ...(common ? [common] : []), head],
      8 * 2 ** 20,
    );
    return reply.type('text/plain; charset=utf-8').header('x-content-type-options', 'nosniff').send(text);
  });
}

/** Comments and reviews; Gitea's comments of a pull request are those of the issue of its number. */
function talkRoutes(
  app: FastifyInstance,
  { find, user }: { find: Find; user: (request: FastifyRequest) => string },
): void {
  app.get(`${repo}/issues/:number/comments`, async (request) => {
    const found = await find(request);
    return commentsOf(found);
  });
  app.post<{ Body: { body?: string } }>(`${repo}/issues/:number/comments`, async (request, reply) => {
    const found = await find(request);
    const body = request.body?.body?.trim();
    if (!body) throw invalid('expected a comment in "body"');
    const commit = found.pull.status?.headCommit ?? '';
    await comment(found, { author: user(request), body, createdAt: now(), trusted: true, commit });
    return reply.code(201).send((await commentsOf(found)).at(-1));
  });
  app.get(`${repo}/pulls/:number/reviews`, async (request) => {
    const found = await find(request);
    return (await commentsOf(found)).filter((item) => item.state !== 'COMMENT');
  });
  app.post<{ Body: { event?: string; body?: string; commit_id?: string } }>(
    `${repo}/pulls/:number/reviews`,
    async (request, reply) => {
      const found = await find(request);
      const { event = '', body = '', commit_id } = request.body ?? {};
      const verdict = verdicts.get(event);
      if (verdict === undefined)
        throw invalid(`expected an event APPROVED, REQUEST_CHANGES or COMMENT, found "${event}"`);
      if (verdict === null && !body.trim()) throw invalid('expected a comment in "body"');
      await comment(found, {
        author: user(request),
        body,
        createdAt: now(),
        trusted: true,
        ...(verdict ? { review: verdict } : {}),
        commit: commit_id ?? found.pull.status?.headCommit ?? '',
      });
      return reply.code(200).send((await commentsOf(found)).at(-1));
    },
  );
}

const verdicts: ReadonlyMap<string, PullRequestComment['review'] | null> = new Map([
  ['APPROVED', 'approved'],
  ['APPROVE', 'approved'],
  ['REQUEST_CHANGES', 'changes-requested'],
  ['COMMENT', null],
]);

const now = () => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

async function open(
  opened: Opened,
  pulls: PullRequestStore,
  { body, author }: { body: PullBody; author: string },
): Promise<PullRequest> {
  const { reader, repository } = opened;
  const { head = '', base = repository.status?.defaultBranch ?? 'main', title } = body;
  const branch = head.replace(/^.*:/, '');
  const source = await reader.find(`refs/heads/${branch}`);
  const target = await reader.find(`refs/heads/${base}`);
  if (!source) throw notFound(`there is no branch "${branch}"`);
  if (!target) throw notFound(`there is no branch "${base}"`);
  const [first] = await reader.log([source, `^${target}`], { limit: 1 });
  if (!first) throw invalid(`${base} has everything that ${branch} has: there is nothing to propose`);
  const sourceRef = `refs/heads/${branch}`;
  const same = (await pulls.all()).find(
    ({ spec }) => spec?.state === 'open' && spec.sourceRef === sourceRef && spec.targetBranch === base,
  );
  if (same) throw conflict(`pull request ${same.spec!.number} proposes ${branch} for ${base} already`);
  return pulls.create(
    {
      title: title?.trim() || first.message.split('\n')[0]!,
      ...(body.body ? { description: body.body } : {}),
      targetBranch: base,
      sourceRef,
      author,
      state: 'open',
    },
    await takenNumbers(reader),
    (number) => takeHead(reader, number, source),
  );
}

async function edit({ pull, pulls }: Found, body: PullBody): Promise<PullRequest> {
  if (body.state !== undefined && body.state !== 'open' && body.state !== 'closed')
    throw invalid(`expected a state open or closed, found "${body.state}"`);
  return mutate<PullRequest>(pulls.store, keyOfPull(pull), (draft) => {
    const spec = draft.spec!;
    if (draft.status?.mergedAt && body.state) throw conflict(`pull request ${spec.number} is merged`);
    if (body.title?.trim()) spec.title = body.title.trim();
    if (body.body !== undefined) spec.description = body.body;
    if (body.base) spec.targetBranch = body.base;
    if (body.state) spec.state = body.state as 'open' | 'closed';
  });
}

async function comment({ pull, pulls }: Found, entry: PullRequestComment): Promise<void> {
  if (entry.body.length > longestComment)
    throw invalid(`expected a comment of at most ${longestComment} characters, found ${entry.body.length}`);
  await mutate<PullRequest>(pulls.store, keyOfPull(pull), (draft) => {
    const comments = draft.spec!.comments ?? [];
    if (comments.length >= mostComments)
      throw invalid(`a pull request holds at most ${mostComments} comments`);
    draft.spec!.comments = [...comments, entry];
  });
}

async function commentsOf({ pulls, pull, links }: Found) {
  const { spec } = await pulls.get(pull.spec!.number);
  const shapes = (spec?.comments ?? []).map((item, index) => ({
    id: idOf(`${pull.metadata.uid}/${index}`),
    user: userShape(item.author),
    body: item.body,
    created_at: item.createdAt,
    updated_at: item.createdAt,
    submitted_at: item.createdAt,
    state:
      item.review === 'approved'
        ? 'APPROVED'
        : item.review === 'changes-requested'
          ? 'REQUEST_CHANGES'
          : 'COMMENT',
    commit_id: item.commit ?? '',
    html_url: `${links.page}?pull=${pull.spec!.number}`,
  }));
  // Of a comment that was deleted at its forge its place alone is kept.
  return shapes.filter(({ body, state }) => body !== '' || state !== 'COMMENT');
}
