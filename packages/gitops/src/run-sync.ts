import { type KubernetesObject, keyOf, kinds, type TypeRegistry } from '@tagboat/api';
import { type Clock, describeError, isReason, timestamp } from '@tagboat/base';
import { createIfAbsent, deleteIfPresent, type ResourceStore } from '@tagboat/store';
import type { Application, OperationState } from './application.ts';
import { applied } from './diff.ts';
import type { Comparison } from './plan-sync.ts';
import type { RenderedSource } from './source.ts';

export interface Cluster {
  readonly store: ResourceStore;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  /** Refuses what the cluster's API would not take. @throws what is wrong with it */
  readonly check?: (object: KubernetesObject, live: KubernetesObject | undefined) => void;
}

export interface SyncPlan {
  readonly rendered: RenderedSource;
  readonly comparison: Comparison;
  readonly prune: boolean;
}

type SyncedResources = NonNullable<OperationState['syncResult']>['resources'];

/** Applies what is missing or differs and, where nothing failed, prunes. @returns what became of each object */
export async function runSync(
  cluster: Cluster,
  application: Application,
  { rendered, comparison, prune }: SyncPlan,
): Promise<OperationState> {
  const { store, types, clock } = cluster;
  const startedAt = timestamp(clock);
  await createNamespace(store, application);
  const resources: SyncedResources[number][] = [];
  for (const object of comparison.toApply)
    resources.push(await outcomeOf(object, 'Synced', () => apply(cluster, object)));
  if (prune && !resources.some(isFailed))
    for (const object of comparison.toPrune.filter(mayBePruned))
      resources.push(
        await outcomeOf(object, 'Pruned', () => deleteIfPresent(store, keyOf(types.of(object), object))),
      );
  const failed = resources.filter(isFailed);
  return {
    phase: failed.length > 0 ? 'Failed' : 'Succeeded',
    message:
      failed.map(({ kind, name, message }) => `${kind} ${name}: ${message}`).join('; ') ||
      'successfully synced',
    startedAt,
    finishedAt: timestamp(clock),
    syncResult: { revision: rendered.revision, resources },
  };
}

const isFailed = ({ status }: SyncedResources[number]) => status === 'SyncFailed';

const mayBePruned = ({ metadata }: KubernetesObject) =>
  metadata.annotations?.['argocd.argoproj.io/sync-options']?.includes('Prune=false') !== true;

async function createNamespace(store: ResourceStore, { spec }: Application): Promise<void> {
  const name = spec!.destination.namespace;
  if (!name || !spec!.syncPolicy?.syncOptions?.includes('CreateNamespace=true')) return;
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await createIfAbsent(store, keyOf(kinds.Namespace, object), object);
}

async function outcomeOf(
  { kind, metadata }: KubernetesObject,
  status: string,
  work: () => Promise<unknown>,
): Promise<SyncedResources[number]> {
  const named = { kind, namespace: metadata.namespace ?? '', name: metadata.name };
  try {
    await work();
    return { ...named, status, message: '' };
  } catch (error) {
    return { ...named, status: 'SyncFailed', message: describeError(error) };
  }
}

async function apply({ store, types, check }: Cluster, object: KubernetesObject): Promise<void> {
  const key = keyOf(types.of(object), object);
  for (let attempt = 0; ; attempt++) {
    const live = await store.get(key);
    const next = live ? applied(live, object) : object;
    check?.(next, live);
    try {
      if (live) await store.update(next);
      else await store.create(next);
      return;
    } catch (error) {
      if (!(isReason(error, 'Conflict') || isReason(error, 'AlreadyExists')) || attempt > 5) throw error;
    }
  }
}
