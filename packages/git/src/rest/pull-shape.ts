import type { PullRequest } from '@tagboat/api';
import { idOf, type Links, userShape } from './shapes.ts';

/** Gitea's PullRequest. */
export function pullShape({ links }: { readonly links: Links }, pull: PullRequest) {
  const { metadata, spec, status } = pull;
  const { number, title, description = '', state, targetBranch, sourceRef, author = '' } = spec!;
  const page = `${links.page}?pull=${number}`;
  const branch = (ref: string, sha = '') => ({ label: ref, ref, sha });
  const unmerged = status?.conditions?.find(({ type }) => type === 'Merged' && !status.mergedAt);
  return {
    id: idOf(metadata.uid ?? metadata.name),
    number,
    url: `${links.api}/pulls/${number}`,
    html_url: spec!.url ?? page,
    diff_url: `${links.api}/pulls/${number}.diff`,
    user: userShape(author),
    title,
    body: description,
    labels: (spec!.labels ?? []).map((name) => ({ id: idOf(name), name })),
    state: state === 'open' ? 'open' : state === 'merged' && !status?.mergedAt ? 'open' : 'closed',
    comments: spec!.comments?.length ?? 0,
    mergeable: state === 'open' && (status?.mergeable ?? false),
    mergeable_state: status?.conditions?.find(({ type }) => type === 'Mergeable')?.message ?? '',
    merged: status?.mergedAt !== undefined,
    merged_at: status?.mergedAt ?? null,
    merge_commit_sha: status?.mergeCommit ?? null,
    merged_by: spec!.merge?.by && status?.mergedAt ? userShape(spec!.merge.by) : null,
    merge_note: unmerged?.message ?? '',
    base: branch(targetBranch, status?.baseCommit),
    head: branch(sourceRef.replace(/^refs\/heads\//, ''), status?.headCommit),
    created_at: metadata.creationTimestamp,
    updated_at: spec!.comments?.at(-1)?.createdAt ?? metadata.creationTimestamp,
    closed_at: status?.mergedAt ?? status?.closedAt ?? null,
  };
}
