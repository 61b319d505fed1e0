import {
  type Condition,
  type KubernetesObject,
  keyOf,
  kinds,
  type ResourceKey,
  type TypeRegistry,
  typeId,
  withCondition,
} from '@tagboat/api';
import { type Clock, type Logger, timestamp } from '@tagboat/base';
import {
  createIfAbsent,
  deleteIfPresent,
  mutate,
  mutateStatus,
  type Reader,
  type Writer,
} from '@tagboat/store';
import { Controller, type Result } from './controller.ts';

export interface NamespaceControllerOptions {
  readonly store: Reader & Writer;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

type Namespace = KubernetesObject<{ finalizers?: string[] }, { phase?: string; conditions?: Condition[] }>;

const finalizer = 'kubernetes';
const defaultAccount = 'default';
/** A look at what still holds on to a namespace that goes: whatever has finalizers takes its time. */
const again = 300;

/**
 * Keeps a namespace's phase and its ServiceAccount `default`, which Kubernetes has in each, and deletes all that is in
 * one that is deleted, before it goes itself.
 */
export function namespaceController(options: NamespaceControllerOptions): Controller {
  const { store, clock, log } = options;
  return new Controller({
    name: 'namespaces',
    reader: store,
    type: kinds.Namespace,
    clock,
    log,
    reconciler: { reconcile: (key) => reconcile(options, key) },
    watches: [{ type: kinds.ServiceAccount, changesOnly: true, keys: namespaceOfDeletedDefault }],
  });
}

function namespaceOfDeletedDefault({ metadata }: KubernetesObject, change: string): ResourceKey[] {
  if (change !== 'DELETED' || metadata.name !== defaultAccount) return [];
  return [{ type: kinds.Namespace, namespace: '', name: metadata.namespace ?? '' }];
}

async function reconcile(options: NamespaceControllerOptions, key: ResourceKey): Promise<Result> {
  const { store } = options;
  const namespace = await store.get<Namespace>(key);
  if (!namespace) return undefined;
  if (!namespace.metadata.deletionTimestamp) return activate(options, namespace, key);
  await setPhase(options, key, 'Terminating');
  const remaining = await deleteContent(options, key.name);
  if (remaining.length > 0) {
    await tell(options, key, remaining);
    return { again };
  }
  await mutate<Namespace>(store, key, (draft) => {
    draft.spec = { ...draft.spec, finalizers: [] };
  });
  return undefined;
}

async function activate(
  options: NamespaceControllerOptions,
  namespace: Namespace,
  key: ResourceKey,
): Promise<undefined> {
  if (!namespace.spec?.finalizers?.includes(finalizer))
    await mutate<Namespace>(options.store, key, (draft) => {
      const finalizers = draft.spec?.finalizers ?? [];
      draft.spec = { ...draft.spec, finalizers: [...new Set([...finalizers, finalizer])] };
      draft.metadata.labels = { ...draft.metadata.labels, 'kubernetes.io/metadata.name': key.name };
    });
  await setPhase(options, key, 'Active');
  const account = { type: kinds.ServiceAccount, namespace: key.name, name: defaultAccount };
  if (await options.store.get(account)) return;
  await createIfAbsent(options.store, account, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: defaultAccount, namespace: key.name },
  });
}

async function setPhase(
  { store }: NamespaceControllerOptions,
  key: ResourceKey,
  phase: string,
): Promise<void> {
  await mutateStatus<Namespace>(store, key, (draft) => {
    if (draft.status?.phase === phase) return false;
    draft.status = { ...draft.status, phase };
    return true;
  });
}

/** Deletes every object of the namespace. @returns what is left, such as `2 pods` */
async function deleteContent(
  { store, types }: NamespaceControllerOptions,
  namespace: string,
): Promise<string[]> {
  const remaining: string[] = [];
  const all = new Map(types.all().map((type) => [typeId(type), type]));
  for (const type of all.values()) {
    if (!type.namespaced) continue;
    const { items } = await store.list(type, { namespace });
    await Promise.all(
      items
        .filter(({ metadata }) => !metadata.deletionTimestamp)
        .map((object) => deleteIfPresent(store, keyOf(type, object))),
    );
    const left = items.length === 0 ? 0 : (await store.list(type, { namespace })).items.length;
    if (left > 0) remaining.push(`${left} ${type.plural}`);
  }
  return remaining;
}

async function tell(
  { store, clock }: NamespaceControllerOptions,
  key: ResourceKey,
  remaining: readonly string[],
): Promise<void> {
  const message = `Some resources are remaining: ${remaining.join(', ')}`;
  await mutateStatus<Namespace>(store, key, (draft) => {
    const before = draft.status?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining');
    if (before?.message === message) return false;
    const condition: Condition = {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message,
    };
    draft.status = {
      ...draft.status,
      conditions: withCondition(draft.status?.conditions, condition, timestamp(clock)),
    };
    return true;
  });
}
