import {
  type CommitStatus,
  commitStatusLabels,
  type HandledRef,
  type KubernetesObject,
  kinds,
  type PullRequest,
  type PullRequestStatus,
  type Repository,
  type ResourceKey,
  withCondition,
} from '@tagboat/api';
import { type Clock, canonicalJson, isReason, type Logger, timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { mutate, mutateStatus, type Reader, type ResourceStore } from '@tagboat/store';
import type { Hosting } from '../hosting.ts';
import { GitReader } from '../rest/git-reader.ts';
import { type Mergeability, mergeability, mergeInto, squashedAs } from './merge.ts';
import { setHead } from './propose.ts';
import { headRef, keyOfPull, repositoryLabel } from './pull-request-store.ts';

export interface PullRequestControllerOptions {
  readonly store: ResourceStore;
  readonly hosting: Hosting;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after a branch was moved by a merge. */
  readonly changed: (namespace: string, name: string) => void;
}

/** Keeps what is known of the pull requests of hosted repositories true, and merges those that are to be merged. */
export function pullRequestController(options: PullRequestControllerOptions): Controller {
  const { store } = options;
  return new Controller({
    name: 'pull-requests',
    reader: store,
    type: kinds.PullRequest,
    watches: [kinds.Repository, kinds.CommitStatus, kinds.HandledRef].map((type) => ({
      type,
      keys: (object) => concernedPulls(store, object),
    })),
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => reconcile(options, key) },
  });
}

/**
 * The pull requests that a change is about: of many few are, and each that is looked at costs git several processes.
 * @param object a Repository, or a CommitStatus or HandledRef of one
 */
export async function concernedPulls(store: Reader, object: KubernetesObject): Promise<ResourceKey[]> {
  const { namespace = '', name, labels = {} } = object.metadata;
  const isRepository = object.kind === 'Repository';
  const repository = isRepository ? name : (labels[repositoryLabel] ?? '');
  const query = [{ key: repositoryLabel, operator: 'In' as const, values: [repository] }];
  const { items } = await store.list<PullRequest>(kinds.PullRequest, { namespace, labels: query });
  const left = items.filter(({ status }) => !status?.mergedAt);
  const isConcerned = isRepository
    ? (pull: PullRequest) => isMoved(pull, object as Repository)
    : (pull: PullRequest) => isAbout(pull, (object as CommitStatus | HandledRef).spec);
  return left.filter(isConcerned).map(keyOfPull);
}

/** Whether a branch of the two is not where it was when the pull request was looked at. */
function isMoved({ spec, status }: PullRequest, repository: Repository): boolean {
  const refs = repository.status?.refs ?? {};
  const source = refs[spec?.sourceRef ?? ''];
  return (
    refs[`refs/heads/${spec?.targetBranch}`] !== status?.baseCommit ||
    (source ?? status?.headCommit) !== status?.headCommit
  );
}

const isAbout = (
  { spec, status }: PullRequest,
  said: { commit?: string; ref?: string } | undefined,
): boolean =>
  said?.ref === undefined ? said?.commit === status?.headCommit : said.ref === headRef(spec?.number ?? 0);

async function reconcile(options: PullRequestControllerOptions, key: ResourceKey): Promise<void> {
  const { store, hosting } = options;
  const pull = await store.get<PullRequest>(key);
  if (!pull?.spec || pull.status?.mergedAt) return;
  const { repository: name, targetBranch, sourceRef, number } = pull.spec;
  const repository = await store.get<Repository>({ type: kinds.Repository, namespace: key.namespace, name });
  if (!repository || repository.spec?.url !== undefined) return;
  const reader = new GitReader(await hosting.ensure(key.namespace, name));
  const source = await reader.find(sourceRef);
  const head = source ?? (await reader.find(headRef(number)));
  const base = await reader.find(`refs/heads/${targetBranch}`);
  if (!head || !base) {
    const what = head ? `the branch ${targetBranch}` : `its change, ${sourceRef},`;
    return setStatus(options, key, { condition: ['Mergeable', 'False', 'Missing', `${what} is not there`] });
  }
  if (sourceRef !== headRef(number) && source) await setHead(reader, number, source);
  const look = { pull, reader, head, base, state: await stateOf(reader, pull, { base, head }), repository };
  await setStatus(options, key, {
    ...describe(look.state),
    status: { headCommit: head, baseCommit: base, checks: await checksOf(options, look) },
  });
  if (look.state.kind === 'merged') return finish(options, key, look.state.commit);
  if (pull.spec.state === 'merged') await merge(options, key, { ...look, state: look.state });
}

/** How the change stands to its branch; one that was squashed or rebased into it is merged, though it is no ancestor. */
async function stateOf(
  reader: GitReader,
  { spec }: PullRequest,
  commits: { base: string; head: string },
): Promise<Mergeability> {
  if (spec?.merge?.method === 'squash' || spec?.merge?.method === 'rebase') {
    const commit = await squashedAs(reader, { ...commits, number: spec.number });
    if (commit) return { kind: 'merged', commit };
  }
  return mergeability(reader, commits);
}

interface Look {
  readonly pull: PullRequest;
  readonly repository: Repository;
  readonly reader: GitReader;
  readonly head: string;
  readonly base: string;
  readonly state: Mergeability;
}

type ConditionFields = readonly [type: string, status: 'True' | 'False', reason: string, message: string];

function describe(state: Mergeability): { condition: ConditionFields; mergeable: boolean } {
  if (state.kind === 'conflicts') {
    const files = state.files.slice(0, 10).join(', ');
    return {
      condition: ['Mergeable', 'False', 'Conflicts', `both sides changed ${files}`],
      mergeable: false,
    };
  }
  return { condition: ['Mergeable', 'True', 'Clean', ''], mergeable: true };
}

async function checksOf(
  { store }: PullRequestControllerOptions,
  { pull, head }: Pick<Look, 'pull' | 'head'>,
): Promise<PullRequestStatus['checks']> {
  const { items } = await store.list<CommitStatus>(kinds.CommitStatus, {
    namespace: pull.metadata.namespace ?? '',
    labels: [
      { key: commitStatusLabels.repository, operator: 'In', values: [pull.spec!.repository] },
      { key: commitStatusLabels.commit, operator: 'In', values: [head.slice(0, 40)] },
    ],
  });
  return items
    .map(({ spec }) => ({
      context: spec!.context,
      state: spec!.state,
      ...(spec!.description ? { description: spec!.description } : {}),
      ...(spec!.pipelineRun ? { pipelineRun: spec!.pipelineRun } : {}),
    }))
    .sort((a, b) => a.context.localeCompare(b.context));
}

/** Merges, waits for checks, or refuses and says why. */
async function merge(options: PullRequestControllerOptions, key: ResourceKey, look: Look): Promise<void> {
  const verdict = await judge(options, look);
  if (verdict.kind === 'wait')
    return setStatus(options, key, { condition: ['Merged', 'False', 'ChecksPending', verdict.message] });
  if (verdict.kind === 'refuse') return refuse(options, key, verdict);
  const clean = look.state as Extract<Mergeability, { kind: 'clean' }>;
  let commit: string;
  try {
    commit = await mergeInto(look.reader, look.pull, { base: look.base, head: look.head, clean });
  } catch (error) {
    if (!isReason(error, 'RebaseRefused')) throw error;
    return refuse(options, key, { reason: 'Conflicts', message: error.message });
  }
  await finish(options, key, commit);
  options.changed(key.namespace, look.pull.spec!.repository);
  options.log.info(`merged pull request ${look.pull.spec!.number} of ${look.pull.spec!.repository}`);
}

type Verdict =
  | { readonly kind: 'merge' }
  | { readonly kind: 'wait'; readonly message: string }
  | { readonly kind: 'refuse'; readonly reason: string; readonly message: string };

const refusal = (reason: string, message: string): Verdict => ({ kind: 'refuse', reason, message });

async function judge(options: PullRequestControllerOptions, look: Look): Promise<Verdict> {
  const { pull, head, state } = look;
  const { merge: asked = {}, comments = [] } = pull.spec!;
  if (asked.head && asked.head !== head)
    return refusal(
      'HeadMoved',
      `${asked.head.slice(0, 10)} was to be merged; it is ${head.slice(0, 10)} now`,
    );
  if (state.kind === 'conflicts') return refusal('Conflicts', describe(state).condition[3]);
  if (asked.method === 'fast-forward' && state.kind === 'clean' && !state.fastForward)
    return refusal('NotFastForward', `${pull.spec!.targetBranch} moved on: rebase the change, or merge it`);
  const verdicts = new Map(comments.flatMap((item) => (item.review ? [[item.author, item.review]] : [])));
  const against = [...verdicts]
    .filter(([, review]) => review === 'changes-requested')
    .map(([author]) => author);
  if (against.length > 0) return refusal('ChangesRequested', `${against.join(', ')} asked for changes`);
  const checks = (await checksOf(options, look)) ?? [];
  const failed = checks.filter((check) => check.state === 'failure' || check.state === 'error');
  if (failed.length > 0)
    return refusal('ChecksFailed', `failed: ${failed.map(({ context }) => context).join(', ')}`);
  const pending = checks.filter((check) => check.state === 'pending').map(({ context }) => context);
  if (pending.length > 0) return { kind: 'wait', message: `waits for ${pending.join(', ')}` };
  if (!(await isPlanned(options, look))) return { kind: 'wait', message: 'waits for its checks to begin' };
  return { kind: 'merge' };
}

/** Whether the triggers looked at this head: a change whose checks have not begun is not a change without checks. */
async function isPlanned({ store }: PullRequestControllerOptions, look: Look): Promise<boolean> {
  if (look.repository.spec?.role === 'deployment') return true;
  const { namespace = '' } = look.pull.metadata;
  const { repository, number } = look.pull.spec!;
  const { items } = await store.list<HandledRef>(kinds.HandledRef, {
    namespace,
    labels: [{ key: repositoryLabel, operator: 'In', values: [repository] }],
  });
  return items.some(({ spec }) => spec?.ref === headRef(number) && spec.commit === look.head);
}

async function refuse(
  options: PullRequestControllerOptions,
  key: ResourceKey,
  { reason, message }: { reason: string; message: string },
): Promise<void> {
  await setStatus(options, key, { condition: ['Merged', 'False', reason, message] });
  await mutate<PullRequest>(options.store, key, (draft) => {
    if (draft.spec?.state !== 'merged') return false;
    draft.spec.state = 'open';
    return undefined;
  });
}

async function finish(
  options: PullRequestControllerOptions,
  key: ResourceKey,
  commit: string,
): Promise<void> {
  const { store, clock } = options;
  await mutate<PullRequest>(store, key, (draft) => {
    if (draft.spec?.state === 'merged') return false;
    draft.spec!.state = 'merged';
    return undefined;
  });
  await setStatus(options, key, {
    condition: ['Merged', 'True', 'Merged', ''],
    status: { mergeCommit: commit, mergedAt: timestamp(clock) },
  });
}

async function setStatus(
  options: PullRequestControllerOptions,
  key: ResourceKey,
  next: { condition: ConditionFields; mergeable?: boolean; status?: PullRequestStatus },
): Promise<void> {
  const now = timestamp(options.clock);
  const [type, status, reason, message] = next.condition;
  await mutateStatus<PullRequest>(options.store, key, (draft) => {
    const before = draft.status ?? {};
    const after: PullRequestStatus = {
      ...before,
      ...(next.mergeable === undefined ? {} : { mergeable: next.mergeable }),
      ...next.status,
      conditions: withCondition(before.conditions, { type, status, reason, message }, now),
    };
    if (after.headCommit !== before.headCommit) after.headSeenAt = now;
    if (draft.spec?.state === 'closed') after.closedAt ??= now;
    else delete after.closedAt;
    if (canonicalJson(after) === canonicalJson(before)) return false;
    draft.status = after;
    return undefined;
  });
}
