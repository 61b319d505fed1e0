import type { PullRequest, PullRequestMerge, Repository } from '@tagboat/api';
import { conflict, invalid, notFound, TagboatError } from '@tagboat/base';
import { mutate } from '@tagboat/store';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { keyOfPull, type PullRequestStore } from '../pulls/pull-request-store.ts';
import { type Opened, repo } from './rest-context.ts';

/** One pull request that a request is about. */
export interface Found extends Opened {
  readonly pulls: PullRequestStore;
  readonly pull: PullRequest;
}

export type Find = (request: FastifyRequest) => Promise<Found>;

/** Asks for a merge, and waits for what becomes of it. */
export function mergeRoutes(
  app: FastifyInstance,
  { find, user }: { find: Find; user: (request: FastifyRequest) => string },
): void {
  app.get(`${repo}/pulls/:number/merge`, async (request, reply) => {
    const { pull } = await find(request);
    return reply.code(pull.status?.mergedAt ? 204 : 404).send();
  });
  app.post<{
    Body: { Do?: string; MergeMessageField?: string; MergeTitleField?: string; head_commit_id?: string };
  }>(`${repo}/pulls/:number/merge`, async (request, reply) => {
    const found = await find(request);
    hostedHere(found.repository);
    const { Do = 'merge', MergeTitleField, MergeMessageField, head_commit_id } = request.body ?? {};
    const method = methods.get(Do);
    if (!method) throw invalid(`expected Do merge, squash, rebase or fast-forward-only, found "${Do}"`);
    const { spec, status } = found.pull;
    if (spec?.state === 'closed') throw conflict(`pull request ${spec.number} is closed`);
    const head = head_commit_id ?? status?.headCommit;
    const message = [MergeTitleField, MergeMessageField].filter(Boolean).join('\n\n');
    await mutate<PullRequest>(found.pulls.store, keyOfPull(found.pull), (draft) => {
      draft.spec!.state = 'merged';
      draft.spec!.merge = {
        method,
        by: user(request),
        ...(message ? { message } : {}),
        ...(head ? { head } : {}),
      };
    });
    return outcome(found, reply.raw.req.socket.destroyed);
  });
}

const methods: ReadonlyMap<string, NonNullable<PullRequestMerge['method']>> = new Map([
  ['merge', 'merge'],
  ['squash', 'squash'],
  ['rebase', 'rebase'],
  ['fast-forward-only', 'fast-forward'],
]);

/** Waits for what becomes of a merge that was asked for: done, waiting for checks, or refused. */
async function outcome({ pulls, pull }: Found, gone: boolean): Promise<object> {
  const key = keyOfPull(pull);
  const since = (await pulls.store.list(key.type, { namespace: key.namespace, limit: 1 })).resourceVersion;
  const read = (current: PullRequest | undefined): object | undefined => {
    if (!current) throw notFound('the pull request is gone');
    const merged = current.status?.conditions?.find(({ type }) => type === 'Merged');
    if (current.status?.mergedAt) return { merged: true, sha: current.status.mergeCommit, message: 'merged' };
    if (current.spec?.state === 'open' && merged?.status === 'False')
      throw new TagboatError(`not merged: ${merged.message}`, { reason: 'Conflict', retryable: false });
    if (current.spec?.state === 'merged' && merged?.reason === 'ChecksPending')
      return { merged: false, message: merged.message };
    return undefined;
  };
  const first = read(await pulls.store.get<PullRequest>(key));
  if (first || gone) return first ?? {};
  const signal = AbortSignal.timeout(20_000);
  const query = { namespace: key.namespace, name: key.name };
  for await (const { object } of pulls.store.watch<PullRequest>(key.type, query, { from: since, signal })) {
    const answer = read(object);
    if (answer) return answer;
  }
  return { merged: false, message: 'asked for' };
}

/** @throws `Invalid` for a repository of another server */
export function hostedHere(repository: Repository): void {
  if (repository.spec?.url !== undefined)
    throw invalid(`this repository is hosted at ${repository.spec.url}`, {
      hint: 'its pull requests are opened and merged there',
    });
}
