import {
  kinds,
  type PullRequest,
  type PullRequestComment,
  type PullRequestSpec,
  type Repository,
} from '@tagboat/api';
import { canonicalJson, isReason, timestamp } from '@tagboat/base';
import { createIfAbsent, mutate, mutateStatus } from '@tagboat/store';
import {
  keyOfPull,
  PullRequestStore,
  pullRequestName,
  repositoryLabel,
} from '../pulls/pull-request-store.ts';
import type { Forge, ForgeComment, ForgePull } from './forge.ts';
import type { ForgeControllerOptions } from './forge-controller.ts';

/** When the forge last changed a pull request, so that its comments are asked for only then. */
const updatedAnnotation = 'tagboat.dev/forge-updated-at';
/** The head that was there when the repository was connected: known, and not run. */
const initialHeadAnnotation = 'tagboat.dev/initial-head';
const followedAnnotation = 'tagboat.dev/pull-requests-followed';
const mostComments = 2_000;

type Surroundings = Pick<ForgeControllerOptions, 'store' | 'clock'>;

/** Keeps the `PullRequest`s of an outside repository as its forge has them. */
export async function followPulls(
  options: Surroundings,
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
      await takeEnded(options, { repository, forge, known: pull });
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

/** One that is no longer among the open ones: merged, closed, or deleted, as GitLab and Gitea let people do. */
async function takeEnded(
  options: Surroundings,
  about: { repository: Repository; forge: Forge; known: PullRequest },
): Promise<void> {
  const { forge, known } = about;
  try {
    await take(options, { ...about, pull: await forge.pull(known.spec!.number), first: false });
  } catch (error) {
    if (!isReason(error, 'Refused')) throw error;
    await mutate<PullRequest>(options.store, keyOfPull(known), (draft) => {
      draft.spec!.state = 'closed';
    });
  }
}

async function take(options: Surroundings, seen: Seen): Promise<void> {
  const { store } = options;
  const { repository, forge, pull, first, known } = seen;
  const { namespace = '', name } = repository.metadata;
  const changed = known?.metadata.annotations?.[updatedAnnotation] !== pull.updatedAt;
  if (known && !changed && known.status?.headCommit === pull.head) return;
  const before = known?.spec?.comments ?? [];
  const comments = changed
    ? inTheirPlaces(before, await forge.comments(pull.number), known?.status?.headCommit)
    : before;
  const about = { repository: name, pull, isTrusted: await pull.isTrusted() };
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
    spec: specOf(about, first ? [] : comments),
  });
  await writeStatus(options, { ...seen, comments: comments.length });
  // Last, so that a kill before it makes this be looked at again.
  await mutate<PullRequest>(store, key, (draft) => {
    draft.spec = { ...draft.spec, ...specOf(about, comments) };
    draft.metadata.annotations = { ...draft.metadata.annotations, [updatedAnnotation]: pull.updatedAt };
  });
}

async function writeStatus(
  { store, clock }: Surroundings,
  { repository, pull, first, comments }: Seen & { comments: number },
): Promise<void> {
  const { namespace = '', name } = repository.metadata;
  const key = { type: kinds.PullRequest, namespace, name: pullRequestName(name, pull.number) };
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
      ...(first && before.commandsRead === undefined ? { commandsRead: comments } : {}),
      ...(pull.state === 'merged' ? { mergedAt: before.mergedAt ?? now } : {}),
      ...(pull.mergeCommit ? { mergeCommit: pull.mergeCommit } : {}),
      ...(pull.state === 'closed' ? { closedAt: before.closedAt ?? now } : {}),
    };
    if (canonicalJson(after) === canonicalJson(before)) return false;
    draft.status = after;
    return undefined;
  });
}

/**
 * What the forge has now, in the places that were taken before: commands are counted, so one that was deleted leaves its
 * place empty. @param head the commit that was known when the new ones were seen, which is what they can be about
 */
function inTheirPlaces(
  before: readonly PullRequestComment[],
  now: readonly ForgeComment[],
  head = '',
): PullRequestComment[] {
  const left = new Map(now.map((comment) => [comment.id, comment]));
  const kept = before.map((comment): PullRequestComment => {
    const same = left.get(comment.id ?? '');
    left.delete(comment.id ?? '');
    return { ...comment, body: same?.body ?? '' };
  });
  const fresh = [...left.values()].map(({ id, author, body, createdAt, trusted }) => ({
    id,
    author,
    body,
    createdAt: new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    trusted,
    commit: head,
  }));
  return [...kept, ...fresh].slice(0, mostComments);
}

const specOf = (
  { repository, pull, isTrusted }: { repository: string; pull: ForgePull; isTrusted: boolean },
  comments: PullRequestComment[],
): PullRequestSpec => ({
  repository,
  number: pull.number,
  title: pull.title,
  ...(pull.description ? { description: pull.description } : {}),
  sourceRef: `refs/heads/${pull.sourceBranch}`,
  targetBranch: pull.targetBranch,
  author: pull.author,
  state: pull.state,
  ...(isTrusted ? {} : { external: true }),
  draft: pull.isDraft,
  labels: [...pull.labels],
  comments,
  url: pull.url,
  observedHead: pull.head,
  ...(pull.sourceUrl === undefined ? {} : { sourceUrl: pull.sourceUrl }),
});
