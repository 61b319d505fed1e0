import type { HandledRef, PullRequest, Repository } from '@tagboat/api';
import { type ChangedPath, type Commit, mergeBase } from '@tagboat/git-client';
import { CommitMemory } from './commit-memory.ts';
import type { RefToHandle } from './plan-triggers.ts';
import {
  type ChangedFiles,
  type CommentEvent,
  type IncomingEvent,
  pullEventOf,
  type TriggerEvent,
} from './trigger-event.ts';

/** What an event is made of. */
export interface EventSource {
  readonly repository: Repository;
  /** A bare clone that holds the commit. */
  readonly mirror: string;
  readonly ref: RefToHandle;
  /** Where runs clone from; default: the repository's own URL. */
  readonly cloneUrl?: string;
  /** The ledger, for what a branch was before. */
  readonly ledger?: readonly HandledRef[];
  readonly pull?: PullRequest;
  readonly comment?: CommentEvent;
  readonly incoming?: IncomingEvent;
  /** Shared by events that are looked at together. */
  readonly memory?: CommitMemory;
}

const limitOf = (spec: Repository['spec']) => spec?.concurrencyLimit ?? spec?.concurrency_limit;

/** More changed paths than this are not looked at. */
const mostPaths = 10_000;

/** Reads from git what happened. @throws `NotFound` when the commit is not there */
export async function eventOf(source: EventSource): Promise<{ event: TriggerEvent; commit: Commit }> {
  const { repository, mirror, ref, pull, comment, memory = new CommitMemory() } = source;
  const { metadata, status, spec } = repository;
  const commit = await memory.commit(mirror, ref.commit);
  const { name, email, parents, message } = await commit.origin();
  const repositoryUrl = status?.url ?? spec?.url ?? '';
  const from = await before(source, parents);
  const event: TriggerEvent = {
    ref,
    kind: pull ? 'pull_request' : 'push',
    project: metadata.namespace ?? '',
    repository: metadata.name,
    repositoryUrl,
    cloneUrl: source.cloneUrl ?? repositoryUrl,
    defaultBranch: status?.defaultBranch ?? 'main',
    ...(limitOf(spec) ? { concurrencyLimit: limitOf(spec)! } : {}),
    message,
    author: { name, email },
    files: byKind((await memory.changedPaths(mirror, { from, to: commit.id })).slice(0, mostPaths)),
    ...(from ? { before: from } : {}),
    ...(pull ? { pull: pullEventOf(pull), isFirst: isFirst(source) } : {}),
    ...(comment ? { comment } : {}),
    ...(source.incoming ? { incoming: source.incoming } : {}),
  };
  return { event, commit };
}

const isFirst = ({ ref, ledger, comment }: EventSource): boolean =>
  !comment && ledger !== undefined && !ledger.some(({ spec }) => spec?.ref === ref.ref);

/** The commit that an event is compared with: where a pull request parted, what a branch was, else the parent. */
async function before(
  { repository, mirror, ref, ledger = [], pull }: EventSource,
  parents: readonly string[],
): Promise<string | undefined> {
  if (pull) {
    const target =
      pull.status?.baseCommit ?? repository.status?.refs?.[`refs/heads/${pull.spec!.targetBranch}`];
    return (target && (await mergeBase(mirror, target, ref.commit))) || parents[0];
  }
  const known =
    ref.kind === 'branch' ? ledger.find(({ spec }) => spec?.ref === ref.ref)?.spec?.commit : undefined;
  const follows = known && (await mergeBase(mirror, known, ref.commit).catch(() => undefined)) === known;
  return follows ? known : parents[0];
}

function byKind(paths: readonly ChangedPath[]): ChangedFiles {
  const of = (kind: ChangedPath['kind']) =>
    paths.filter((item) => item.kind === kind).map(({ path }) => path);
  return {
    all: paths.map(({ path }) => path),
    added: of('added'),
    deleted: of('deleted'),
    modified: of('modified'),
    renamed: of('renamed'),
  };
}
