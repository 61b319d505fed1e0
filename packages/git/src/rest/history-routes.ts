import { kinds, type PullRequest } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import type { FastifyInstance } from 'fastify';
import { changesBetween, statsOf } from './changes.ts';
import { type CommitRecord, checkPath } from './git-reader.ts';
import { type Opened, pageHeaders, pageOf, queryOf, type RestContext, repo, restOf } from './rest-context.ts';
import { branchShape, commitShape, fileShape, repositoryShape, tagShape } from './shapes.ts';

/** Commits that one comparison lists; Gitea and GitHub stop at 250 too. */
const comparedCommits = 250;

/** A repository, its branches, tags and commits, and what lies between two of them. */
export function historyRoutes(app: FastifyInstance, context: RestContext): void {
  app.get(repo, async (request) => describe(await context.open(request), context));
  app.get(`${repo}/branches`, async (request, reply) => {
    const { reader, links } = await context.open(request);
    const page = pageOf(request.query, { limit: 50 });
    const refs = await reader.refs('refs/heads/');
    pageHeaders(reply, page, refs.length);
    const shown = refs.slice(page.skip, page.skip + page.limit);
    const commits = await reader.commits(shown.map(({ commit }) => commit));
    return shown.map((ref) => branchShape(links, ref, commits.get(ref.commit)!));
  });
  app.get(`${repo}/branches/*`, async (request) => {
    const { reader, links } = await context.open(request);
    const name = restOf(request);
    const ref = (await reader.refs(`refs/heads/${name}`)).find((item) => item.name === `refs/heads/${name}`);
    if (!ref) throw notFound(`there is no branch "${name}"`);
    return branchShape(links, ref, await reader.commit(ref.commit));
  });
  app.get(`${repo}/tags`, async (request, reply) => {
    const { reader, links } = await context.open(request);
    const page = pageOf(request.query, { limit: 50 });
    const refs = await reader.refs('refs/tags/');
    pageHeaders(reply, page, refs.length);
    return refs.slice(page.skip, page.skip + page.limit).map((ref) => tagShape(links, ref));
  });
  app.get(`${repo}/tags/*`, async (request) => {
    const { reader, links } = await context.open(request);
    const name = restOf(request);
    const ref = (await reader.refs(`refs/tags/${name}`)).find((item) => item.name === `refs/tags/${name}`);
    if (!ref) throw notFound(`there is no tag "${name}"`);
    return tagShape(links, ref);
  });
  commitRoutes(app, context);
  app.get(`${repo}/compare/*`, async (request) => compare(await context.open(request), restOf(request)));
}

function commitRoutes(app: FastifyInstance, context: RestContext): void {
  app.get(`${repo}/commits`, async (request, reply) => {
    const { reader, links, repository } = await context.open(request);
    const query = queryOf(request);
    const page = pageOf(request.query);
    const head = await reader.find(query.sha ?? repository.status?.defaultBranch ?? 'HEAD');
    if (!head) {
      if (query.sha !== undefined) throw notFound(`there is no branch, tag or commit "${query.sha}"`);
      pageHeaders(reply, page, 0);
      return [];
    }
    const path = checkPath(query.path ?? '');
    const revisions = [head, ...(query.not ? [`^${await reader.resolve(query.not)}`] : [])];
    const found = await reader.log(revisions, { path, skip: page.skip, limit: page.limit });
    pageHeaders(reply, page, await reader.count(revisions, path));
    const stats =
      query.stat === 'true'
        ? await statsOf(
            reader,
            found.map(({ id }) => id),
          )
        : new Map();
    return found.map((commit) => {
      const counted = stats.get(commit.id);
      return commitShape(links, commit, counted ? { stats: counted } : {});
    });
  });
  const one = async (opened: Opened, ref: string) => {
    const { reader, links } = opened;
    const commit = await reader.commit(await reader.resolve(ref));
    const changes = await changesBetween(reader, { base: commit.parents[0], head: commit.id, patches: true });
    return commitShape(links, commit, { changes });
  };
  for (const path of [`${repo}/commits/:ref`, `${repo}/git/commits/:ref`])
    app.get<{ Params: { ref: string } }>(path, async (request) =>
      one(await context.open(request), request.params.ref),
    );
}

async function describe(opened: Opened, { options }: RestContext) {
  const { reader, repository, namespace, name, links } = opened;
  const [newest] = await reader.refs('refs/heads/');
  const counted = (await reader.run(['count-objects', '-v'])).toString('utf8');
  const kilobytes = (key: string) => Number(new RegExp(`^${key}: (\\d+)`, 'm').exec(counted)?.[1] ?? 0);
  const { items } = await options.store.list<PullRequest>(kinds.PullRequest, { namespace });
  const openPulls = items.filter(({ spec }) => spec?.repository === name && spec.state === 'open').length;
  return repositoryShape(links, repository, {
    empty: newest === undefined,
    size: kilobytes('size') + kilobytes('size-pack'),
    openPulls,
    updated: newest?.date,
  });
}

/** `base...head` (since they parted) or `base..head` (as they are now). */
async function compare({ reader, links }: Opened, text: string) {
  const match = /^(.+?)(\.{2,3})(.+)$/.exec(text);
  if (!match) throw invalid(`expected base...head, found "${text}"`);
  const base = await reader.resolve(match[1]!);
  const head = await reader.resolve(match[3]!);
  const common = await reader.mergeBase(base, head);
  const from = match[2] === '...' ? common : base;
  const range = [head, `^${base}`];
  const [commits, ahead, behind] = await Promise.all([
    reader.log(range, { limit: comparedCommits }),
    reader.count(range),
    reader.count([base, `^${head}`]),
  ]);
  const changes = await changesBetween(reader, { base: from, head, patches: true });
  const shape = (commit: CommitRecord) => commitShape(links, commit);
  const status = ahead === 0 ? (behind === 0 ? 'identical' : 'behind') : behind === 0 ? 'ahead' : 'diverged';
  return {
    status,
    ahead_by: ahead,
    behind_by: behind,
    total_commits: ahead,
    base_commit: shape(await reader.commit(base)),
    merge_base_commit: common ? shape(await reader.commit(common)) : null,
    commits: commits.map(shape),
    total_files: changes.totalFiles,
    additions: changes.additions,
    deletions: changes.deletions,
    files: changes.files.map((file) => fileShape(links, head, file)),
  };
}
