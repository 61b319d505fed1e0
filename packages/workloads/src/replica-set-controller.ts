import {
  controllerOf,
  findCondition,
  keyOf,
  kinds,
  matchesLabels,
  ownedBy,
  type Pod,
  type ReplicaSet,
  type ResourceKey,
  selectorRequirements,
} from '@tagboat/api';
import { canonicalJson, shortened, shortHash } from '@tagboat/base';
import { Controller, type EventRecorder, type Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutate, mutateStatus, type ResourceStore } from '@tagboat/store';
import { isEnding, isOver, isReady, ownerKeys, podOf, recorder, type WorkloadOptions } from './owned-pods.ts';

/** Milliseconds that a pod which failed at once stands, so that its successor does not fail as fast. */
const failureStands = 10_000;

/** Keeps the declared number of pods (kubernetes pkg/controller/replicaset). */
export function replicaSetController(options: WorkloadOptions): Controller {
  const events = recorder(options, 'replicaset-controller');
  return new Controller({
    name: 'replicaset',
    reader: options.store,
    type: kinds.ReplicaSet,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => reconcile(options, events, key) },
    watches: [{ type: kinds.Pod, keys: ownerKeys(kinds.ReplicaSet) }],
  });
}

async function reconcile(
  { store, clock }: WorkloadOptions,
  events: EventRecorder,
  key: ResourceKey,
): Promise<Result> {
  const set = await store.get<ReplicaSet>(key);
  if (!set || set.metadata.deletionTimestamp) return undefined;
  const owned = await claimPods(store, set);
  const wait = await removeFailed(store, owned.filter(isOver), clock.now());
  const alive = owned.filter((pod) => !isOver(pod) && !isEnding(pod));
  const replicas = set.spec?.replicas ?? 1;
  const names = new Set(owned.map((pod) => pod.metadata.name));
  // A pod that has just failed holds its place for a while.
  const places = alive.length + (wait === undefined ? 0 : owned.filter((pod) => isOver(pod)).length);
  for (let missing = replicas - places, index = 0; missing > 0; missing--) {
    let name: string;
    do name = shortened(`${set.metadata.name}-${shortHash([set.metadata.uid ?? '', String(index++)], 5)}`);
    while (names.has(name));
    names.add(name);
    const pod = podOf(set, set.spec!.template, name);
    await createIfAbsent(store, keyOf(kinds.Pod, pod), pod);
    events.record(set, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${name}` });
  }
  for (const pod of victims(alive).slice(0, Math.max(0, alive.length - replicas))) {
    await deleteIfPresent(store, keyOf(kinds.Pod, pod));
    events.record(set, {
      type: 'Normal',
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${pod.metadata.name}`,
    });
  }
  const again = await report(store, set, owned, clock.now());
  return wait === undefined ? again : { again: Math.min(wait, again?.again ?? wait) };
}

/** The pods that the set controls: takes in those that match and have no controller, lets go those that no longer match. */
async function claimPods(store: ResourceStore, set: ReplicaSet): Promise<Pod[]> {
  const requirements = selectorRequirements(set.spec?.selector ?? {});
  const { items } = await store.list<Pod>(kinds.Pod, { namespace: set.metadata.namespace ?? '' });
  const claimed: Pod[] = [];
  for (const pod of items) {
    const owner = controllerOf(pod);
    const matches = requirements.length > 0 && matchesLabels(pod.metadata.labels, requirements);
    if (owner?.uid === set.metadata.uid && matches) claimed.push(pod);
    else if (owner?.uid === set.metadata.uid && !isEnding(pod))
      await mutate<Pod>(store, keyOf(kinds.Pod, pod), (draft) => {
        draft.metadata.ownerReferences =
          draft.metadata.ownerReferences?.filter(({ uid }) => uid !== set.metadata.uid) ?? [];
      });
    else if (!owner && matches && !isEnding(pod) && !isOver(pod))
      claimed.push(
        await mutate<Pod>(store, keyOf(kinds.Pod, pod), (draft) => {
          draft.metadata.ownerReferences = [...(draft.metadata.ownerReferences ?? []), ownedBy(set)];
        }),
      );
  }
  return claimed;
}

/** @returns after how many milliseconds the rest may go */
async function removeFailed(
  store: ResourceStore,
  over: readonly Pod[],
  now: number,
): Promise<number | undefined> {
  let wait: number | undefined;
  for (const pod of over) {
    const left = Date.parse(pod.metadata.creationTimestamp ?? '') + failureStands - now;
    if (left > 0) wait = Math.min(left, wait ?? left);
    else await deleteIfPresent(store, keyOf(kinds.Pod, pod));
  }
  return wait;
}

async function report(
  store: ResourceStore,
  set: ReplicaSet,
  owned: readonly Pod[],
  now: number,
): Promise<Result> {
  const alive = owned.filter((pod) => !isOver(pod) && !isEnding(pod));
  const minimum = (set.spec?.minReadySeconds ?? 0) * 1000;
  const readySince = alive
    .filter(isReady)
    .map((pod) => Date.parse(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime ?? ''));
  // Without a minimum no clock is asked: it may have been set back since.
  const available = readySince.filter((since) => minimum === 0 || now - since >= minimum).length;
  const status = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: alive.length,
    fullyLabeledReplicas: alive.length,
    readyReplicas: readySince.length,
    availableReplicas: available,
    terminatingReplicas: owned.filter(isEnding).length,
  };
  if (canonicalJson(status) !== canonicalJson(set.status ?? {}))
    await mutateStatus<ReplicaSet>(store, keyOf(kinds.ReplicaSet, set), (draft) => {
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
