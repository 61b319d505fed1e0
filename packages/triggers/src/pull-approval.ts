import {
  type CommitStatus,
  type KubernetesObject,
  keyOf,
  kinds,
  type PullRequest,
  type PullRequestComment,
  type ResourceKey,
} from '@tagboat/api';
import { timestamp } from '@tagboat/base';
import { runLabels } from '@tagboat/render';
import type { ResourceStore } from '@tagboat/store';
import { commitStatus, writeStatus } from './commit-statuses.ts';
import type { TriggerOptions } from './run-maker.ts';

const approvalContext = 'tagboat/approval';

type Surroundings = Pick<TriggerOptions, 'store' | 'clock'>;

function approvalStatus(
  { clock }: Surroundings,
  pull: PullRequest,
  said: { head: string; state: 'pending' | 'success'; description: string },
): CommitStatus {
  return commitStatus({
    namespace: pull.metadata.namespace ?? '',
    repository: pull.spec!.repository,
    commit: said.head,
    context: approvalContext,
    state: said.state,
    description: said.description,
    updatedAt: timestamp(clock),
  });
}

/**
 * Whether a comment allows the head to run: it names it in full, or the head was there when the comment was written, so
 * that nothing slips in between. Short names alone do not tell: another commit with the same one is quickly made.
 */
export function allowsHead(
  { status }: PullRequest,
  named: string | undefined,
  { commit, createdAt }: PullRequestComment,
): boolean {
  const { headCommit = '', headSeenAt = '' } = status ?? {};
  if (named === headCommit) return true;
  if (named !== undefined && !headCommit.startsWith(named)) return false;
  return commit ? commit === headCommit && createdAt >= headSeenAt : createdAt > headSeenAt;
}

/** Whether the head was allowed to run; says beside the commit that somebody of the project must do so, or did. */
export async function isApproved(options: Surroundings, pull: PullRequest, head: string): Promise<boolean> {
  const approved = pull.status?.approvedCommits?.includes(head) === true;
  const said = approved
    ? ({ state: 'success', description: 'a member of the project allowed this commit to run' } as const)
    : ({
        state: 'pending',
        description: `waits for a member of the project to comment /ok-to-test ${head}`,
      } as const);
  await writeStatus(options.store, approvalStatus(options, pull, { head, ...said }));
  return approved;
}

/** A policy, a team or `OWNERS` that changed meanwhile may have made an approval needless; a merge would wait for it. */
export async function endWaiting(options: Surroundings, pull: PullRequest, head: string): Promise<void> {
  const description = 'needs no leave of a member any more';
  const status = approvalStatus(options, pull, { head, state: 'success', description });
  const before = await options.store.get<CommitStatus>(keyOf(kinds.CommitStatus, status));
  if (before?.spec?.state === 'pending') await writeStatus(options.store, status);
}

/** The pull requests that wait for leave: what a repository says now may give it. */
export async function waitingPulls(
  store: ResourceStore,
  { metadata }: KubernetesObject,
): Promise<ResourceKey[]> {
  const { items } = await store.list<PullRequest>(kinds.PullRequest, {
    namespace: metadata.namespace ?? '',
    labels: [{ key: runLabels.repository, operator: 'In', values: [metadata.name] }],
  });
  return items
    .filter(({ status }) =>
      status?.checks?.some(({ context, state }) => context === approvalContext && state === 'pending'),
    )
    .map((pull) => keyOf(kinds.PullRequest, pull));
}
