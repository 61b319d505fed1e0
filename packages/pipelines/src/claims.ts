import {
  keyOf,
  kinds,
  ownedBy,
  type PersistentVolumeClaim,
  type PipelineRun,
  type TaskRun,
} from '@tagboat/api';
import { createIfAbsent, type ResourceStore } from '@tagboat/store';
import { claimName } from './children.ts';

/** Makes the claims that a run's workspaces describe by templates; they go when the run goes. */
export async function claimVolumes(store: ResourceStore, owner: PipelineRun | TaskRun): Promise<void> {
  for (const binding of owner.spec?.workspaces ?? []) {
    const template = binding.volumeClaimTemplate;
    if (!template) continue;
    const claim: PersistentVolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: claimName(owner, binding),
        namespace: owner.metadata.namespace ?? '',
        ownerReferences: [ownedBy(owner)],
        labels: template.metadata?.labels ?? {},
      },
      spec: template.spec,
    };
    await createIfAbsent(store, keyOf(kinds.PersistentVolumeClaim, claim), claim);
  }
}
