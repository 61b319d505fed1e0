import {
  kinds,
  type PullRequest,
  type PullRequestComment,
  type PullRequestSpec,
  type Repository,
  type ResourceKey,
  withCondition,
} from '@tagboat/api';
import {
  type Clock,
  canonicalJson,
  describeError,
  type Logger,
  TagboatError,
  timestamp,
} from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { createIfAbsent, mutate, mutateStatus, type ResourceStore } from '@tagboat/store';
import { PullRequestStore, pullRequestName, repositoryLabel } from '../pulls/pull-request-store.ts';
import { followCommitComments } from './commit-comments.ts';
import { type Forge, type ForgeComment, type ForgePull, forgeOf, forgeSpecOf } from './forge.ts';
import { followTeams } from './teams.ts';

export interface ForgeControllerOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
}

const defaultInterval = 60;
/** When the forge last changed a pull request, so that its comments are asked for only then. */
const updatedAnnotation = 'tagboat.dev/forge-updated-at';
/** The head that was there when the repository was connected: known, and not run. */
const initialHeadAnnotation = 'tagboat.dev/initial-head';
const followedAnnotation = 'tagboat.dev/pull-requests-followed';
const mostComments = 2_000;

/**
 * Keeps `PullRequest`s of outside repositories as their forge has them. It looks by itself; a webhook only makes it look
 * sooner, so that one that never came is found all the same.
 */
export function forgeController(options: ForgeControllerOptions): Controller {
  return new Controller({
    name: 'forges',
    reader: options.store,
    type: kinds.Repository,
    concurrency: 4,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => follow(options, key) },
  });
}

async function follow(options: ForgeControllerOptions, key: ResourceKey): Promise<Result> {
  const { store } = options;
  const repository = await store.get<Repository>(key);
  if (!repository || !forgeSpecOf(repository) || repository.spec?.url === undefined) return undefined;
  try {
    const forge = await forgeOf(store, repository);
    if (forge) {
      await look(options, { repository, forge });
      await followCommitComments(options, { repository, forge });
      await followTeams(options, { repository, forge });
    }
    await condition(options, key, undefined);
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    await condition(options, key, error);
  }
  return { again: Math.max(1, repository.spec.intervalSeconds ?? defaultInterval) * 1000 };
}

async function look(
  options: ForgeControllerOptions,
  { repository, forge }: { repository: Repository; forge: Forge },
): Promise<void> {
  const { namespace = '', name, annotations = {} } = repository.metadata;
  const pulls = new PullRequestStore(options.store, namespace, name);
  const known = new Map((await pulls.all()).map((pull) => [pull.spec!.number, pull]));
  const open = await forge.openPulls();
  const first = annotations[followedAnnotation] === undefined;
  for (const pull of open)
    await take(options, { repository, forge, pull, first, known: known.get(pull.number) });
  const listed = new Set(open.map(({ number }) => number));
  for (const [number, pull] of known)
    if (pull.spec?.state === 'open' && !listed.has(number))
      await take(options, { repository, forge, pull: await forge.pull(number), first: false, known: pull });
  if (first)
    await mutate<Repository>(options.store, { type: kinds.Repository, namespace, name }, (draft) => {
      draft.metadata.annotations = {
        ...draft.metadata.annotations,
        [followedAnnotation]: timestamp(options.clock),
      };
    });
}

interface Seen {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly pull: ForgePull;
  readonly first: boolean;
  readonly known: PullRequest | undefined;
}

async function take(options: ForgeControllerOptions, seen: Seen): Promise<void> {
  const { store, clock } = options;
  const { repository, forge, pull, first, known } = seen;
  const { namespace = '', name } = repository.metadata;
  const changed = known?.metadata.annotations?.[updatedAnnotation] !== pull.updatedAt;
  if (known && !changed && known.status?.headCommit === pull.head) return;
  const comments = changed ? commentsOf(await forge.comments(pull.number)) : (known?.spec?.comments ?? []);
  const key = { type: kinds.PullRequest, namespace, name: pullRequestName(name, pull.number) };
  await createIfAbsent<PullRequest>(store, key, {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'PullRequest',
    metadata: {
      name: key.name,
      namespace,
      labels: { [repositoryLabel]: name },
      annotations: first ? { [initialHeadAnnotation]: pull.head } : {},
    },
    spec: specOf(name, pull, first ? [] : comments),
  });
  const now = timestamp(clock);
  const base = repository.status?.refs?.[`refs/heads/${pull.targetBranch}`];
  await mutateStatus<PullRequest>(store, key, (draft) => {
    const before = draft.status ?? {};
    const after = {
      ...before,
      headCommit: pull.head,
      ...(base ? { baseCommit: base } : {}),
      ...(before.headCommit === pull.head ? {} : { headSeenAt: now }),
      // What was said before anybody here listened is not done now.
      ...(first && before.commandsRead === undefined ? { commandsRead: comments.length } : {}),
      ...(pull.state === 'merged' ? { mergedAt: before.mergedAt ?? now } : {}),
      ...(pull.mergeCommit ? { mergeCommit: pull.mergeCommit } : {}),
      ...(pull.state === 'closed' ? { closedAt: before.closedAt ?? now } : {}),
    };
    if (canonicalJson(after) === canonicalJson(before)) return false;
    draft.status = after;
    return undefined;
  });
  // Last, so that a kill before it makes this be looked at again.
  await mutate<PullRequest>(store, key, (draft) => {
    draft.spec = { ...draft.spec, ...specOf(name, pull, comments) };
    draft.metadata.annotations = { ...draft.metadata.annotations, [updatedAnnotation]: pull.updatedAt };
  });
}

const commentsOf = (comments: readonly ForgeComment[]): PullRequestComment[] =>
  comments.slice(0, mostComments).map(({ id, author, body, createdAt, trusted }) => ({
    id,
    author,
    body,
    createdAt: new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    trusted,
  }));

const specOf = (repository: string, pull: ForgePull, comments: PullRequestComment[]): PullRequestSpec => ({
  repository,
  number: pull.number,
  title: pull.title,
  ...(pull.description ? { description: pull.description } : {}),
  sourceRef: `refs/heads/${pull.sourceBranch}`,
  targetBranch: pull.targetBranch,
  author: pull.author,
  state: pull.state,
  ...(pull.trusted ? {} : { external: true }),
  labels: [...pull.labels],
  comments,
  url: pull.url,
  observedHead: pull.head,
  ...(pull.sourceUrl === undefined ? {} : { sourceUrl: pull.sourceUrl }),
});

async function condition(
  options: ForgeControllerOptions,
  key: ResourceKey,
  error: TagboatError | undefined,
): Promise<void> {
  const message = error ? describeError(error) : '';
  if (error) options.log.warn(`the forge of ${key.namespace}/${key.name}: ${message}`);
  await mutateStatus<Repository>(options.store, key, (draft) => {
    const before = draft.status?.conditions?.find(({ type }) => type === 'ForgeReady');
    const status = error ? 'False' : 'True';
    if (before?.status === status && before.message === message) return false;
    const next = { type: 'ForgeReady', status, reason: error?.reason ?? 'Observed', message } as const;
    draft.status = {
      ...draft.status,
      conditions: withCondition(draft.status?.conditions, next, timestamp(options.clock)),
    };
    return undefined;
  });
}
