import {
  controllerOf,
  findCondition,
  keyOf,
  kinds,
  ownedBy,
  type Pod,
  type ReplicaSet,
  type ResourceKey,
  selectorRequirements,
} from '@tagboat/api';
import { type Clock, canonicalJson, type Logger, shortened, shortHash } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutateStatus, type ResourceStore } from '@tagboat/store';

export interface WorkloadOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps the declared number of pods (kubernetes pkg/controller/replicaset). */
export function replicaSetController(options: WorkloadOptions): Controller {
  return new Controller({
    name: 'replicaset',
    reader: options.store,
    type: kinds.ReplicaSet,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => reconcile(options, key) },
    watches: [{ type: kinds.Pod, keys: (pod) => ownerKey(pod as Pod) }],
  });
}

function ownerKey(pod: Pod): ResourceKey[] {
  const owner = controllerOf(pod);
  return owner?.kind === 'ReplicaSet'
    ? [{ type: kinds.ReplicaSet, namespace: pod.metadata.namespace ?? '', name: owner.name }]
    : [];
}

export const isReady = (pod: Pod) => findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
const isOver = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

async function reconcile({ store, clock }: WorkloadOptions, key: ResourceKey): Promise<Result> {
  const set = await store.get<ReplicaSet>(key);
  if (!set || set.metadata.deletionTimestamp) return undefined;
  const all = await store.list<Pod>(kinds.Pod, {
    namespace: key.namespace,
    labels: selectorRequirements(set.spec?.selector ?? {}),
  });
  const owned = all.items.filter((pod) => controllerOf(pod)?.uid === set.metadata.uid);
  for (const pod of owned.filter(isOver)) await deleteIfPresent(store, keyOf(kinds.Pod, pod));
  const alive = owned.filter((pod) => !isOver(pod) && !pod.metadata.deletionTimestamp);
  const replicas = set.spec?.replicas ?? 1;
  const names = new Set(owned.map((pod) => pod.metadata.name));
  for (let missing = replicas - alive.length, index = 0; missing > 0; missing--) {
    let name: string;
    do name = shortened(`${set.metadata.name}-${shortHash([set.metadata.uid ?? '', String(index++)], 5)}`);
    while (names.has(name));
    names.add(name);
    const pod = podOf(set, name);
    await createIfAbsent(store, keyOf(kinds.Pod, pod), pod);
  }
  for (const pod of victims(alive).slice(0, Math.max(0, alive.length - replicas)))
    await deleteIfPresent(store, keyOf(kinds.Pod, pod));
  const minimum = (set.spec?.minReadySeconds ?? 0) * 1000;
  const readySince = alive
    .filter(isReady)
    .map((pod) => Date.parse(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? ''));
  const available = readySince.filter((since) => clock.now() - since >= minimum).length;
  const status = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: alive.length,
    readyReplicas: readySince.length,
    availableReplicas: available,
  };
  if (canonicalJson(status) !== canonicalJson(set.status ?? {}))
    await mutateStatus<ReplicaSet>(store, key, (draft) => {
      draft.status = status;
    });
  return available < readySince.length ? { again: Math.max(100, minimum) } : undefined;
}

/** Those to delete first: not ready before ready, younger before older. */
function victims(pods: readonly Pod[]): Pod[] {
  return [...pods].sort(
    (a, b) =>
      Number(isReady(a)) - Number(isReady(b)) ||
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
  );
}

function podOf(set: ReplicaSet, name: string): Pod {
  const template = set.spec!.template;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace ?? '',
      labels: { ...template.metadata?.labels },
      annotations: { ...template.metadata?.annotations },
      ownerReferences: [ownedBy(set)],
    },
    spec: template.spec,
  };
}
