import { keyOf, kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import { deploymentRepositoryName, releasedByAnnotation, runLabels } from '@tagboat/render';
import { mutate, type ResourceStore } from '@tagboat/store';

/** A release that went to an outside repository is seen at once, not at the next look. */
export async function lookAfterRelease(store: ResourceStore, run: PipelineRun): Promise<void> {
  const { name, namespace = '', labels = {} } = run.metadata;
  const model = labels[runLabels.model];
  if (!model || labels[runLabels.kind] !== 'release') return;
  const key = { type: kinds.Repository, namespace, name: deploymentRepositoryName(model) };
  const repository = await store.get<Repository>(key);
  if (!repository?.spec?.url || repository.metadata.annotations?.[releasedByAnnotation] === name) return;
  try {
    await mutate<Repository>(store, keyOf(kinds.Repository, repository), (draft) => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [releasedByAnnotation]: name };
    });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
