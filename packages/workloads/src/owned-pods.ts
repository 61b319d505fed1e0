import {
  controllerOf,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  ownedBy,
  type Pod,
  type PodTemplate,
  type ResourceKey,
  type ResourceType,
} from '@tagboat/api';
import { type Clock, isReason, type Logger } from '@tagboat/base';
import { EventRecorder } from '@tagboat/controller';
import { mutate, type ResourceStore } from '@tagboat/store';

export interface WorkloadOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is this platform's own, such as its directory: two on one machine give their Services other addresses. */
  readonly seed?: string;
}

export const isReady = (pod: Pod) => findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
export const isOver = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
export const isEnding = (pod: Pod) => pod.metadata.deletionTimestamp !== undefined;

/** Keys of the owner of this type, for watching what it owns. */
export function ownerKeys(type: ResourceType): (object: KubernetesObject) => ResourceKey[] {
  return (object) => {
    const owner = controllerOf(object);
    return owner?.kind === type.kind
      ? [{ type, namespace: object.metadata.namespace ?? '', name: owner.name }]
      : [];
  };
}

export function recorder(options: WorkloadOptions, component: string): EventRecorder {
  return new EventRecorder({ ...options, component });
}

/** A pod of a template that the given object controls. */
export function podOf(owner: KubernetesObject, template: PodTemplate, name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: owner.metadata.namespace ?? '',
      labels: { ...template.metadata?.labels },
      annotations: { ...template.metadata?.annotations },
      ownerReferences: [ownedBy(owner)],
    },
    spec: template.spec,
  };
}

/** Takes a finalizer off a pod, which may be gone. */
export async function releasePod(store: ResourceStore, pod: Pod, finalizer: string): Promise<void> {
  await mutate<Pod>(store, keyOf(kinds.Pod, pod), (draft) => {
    if (draft.metadata.uid !== pod.metadata.uid || !draft.metadata.finalizers?.includes(finalizer))
      return false;
    draft.metadata.finalizers = draft.metadata.finalizers.filter((name) => name !== finalizer);
    return undefined;
  }).catch((error: unknown) => {
    if (!isReason(error, 'NotFound')) throw error;
  });
}
