import { type CommitComment, commitStatusLabels, kinds, type Repository } from '@tagboat/api';
import { deterministicName, timestamp } from '@tagboat/base';
import { createIfAbsent, mutate } from '@tagboat/store';
import type { Forge } from './forge.ts';
import type { ForgeControllerOptions } from './forge-controller.ts';

/** Since when comments on commits count: those that were there before are not done now, nor those that were seen. */
const sinceAnnotation = 'tagboat.dev/commit-comments-since';

/** Makes a `CommitComment` of what was said at the forge of the head of a branch or tag. */
export async function followCommitComments(
  { store, clock }: Pick<ForgeControllerOptions, 'store' | 'clock'>,
  { repository, forge }: { repository: Repository; forge: Forge },
): Promise<void> {
  if (!forge.commitComments) return;
  const { namespace = '', name, annotations = {} } = repository.metadata;
  const heads = headsOf(repository);
  const since = annotations[sinceAnnotation];
  const now = timestamp(clock);
  const comments = heads.length > 0 && since !== undefined ? await forge.commitComments(heads) : [];
  let newest = since ?? now;
  for (const { id, commit, author, body, createdAt, trusted } of comments) {
    const at = new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z');
    if (since === undefined || at < since) continue;
    const comment: CommitComment = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'CommitComment',
      metadata: {
        name: deterministicName(`${name}-${commit.slice(0, 10)}`, [name, commit, id]),
        namespace,
        labels: { [commitStatusLabels.repository]: name, [commitStatusLabels.commit]: commit.slice(0, 40) },
      },
      spec: { repository: name, commit, author, body, createdAt: at, trusted },
    };
    await createIfAbsent(
      store,
      { type: kinds.CommitComment, namespace, name: comment.metadata.name },
      comment,
    );
    if (at > newest) newest = at;
  }
  if (newest === since) return;
  await mutate<Repository>(store, { type: kinds.Repository, namespace, name }, (draft) => {
    draft.metadata.annotations = { ...draft.metadata.annotations, [sinceAnnotation]: newest };
  });
}

/** The commits that commands may be about: the default branch's first. */
function headsOf({ status }: Repository): string[] {
  const { refs = {}, defaultBranch = 'main' } = status ?? {};
  const first = refs[`refs/heads/${defaultBranch}`];
  return [...new Set([...(first ? [first] : []), ...Object.values(refs)])];
}
