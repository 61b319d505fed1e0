import { type ConfigMap, type KubernetesObject, kinds, ownedBy, type ResourceKey } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutate, ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { GarbageCollector, namespaceController } from './index.ts';

const key = (name: string, namespace = 'demo'): ResourceKey => ({ type: kinds.ConfigMap, namespace, name });

function configMap(name: string, more: Partial<ConfigMap['metadata']> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'demo', ...more } };
}

const collect = (store: ObjectStore) =>
  new GarbageCollector({ store, types: store.types, clock: systemClock, log: silentLogger }).start();

/** Resolves with the first change that satisfies. */
async function change(
  store: ObjectStore,
  satisfied: (type: string, object: KubernetesObject) => boolean,
  act: () => Promise<unknown>,
  type: (typeof kinds)[keyof typeof kinds] = kinds.ConfigMap,
): Promise<KubernetesObject> {
  const stop = new AbortController();
  const events = store.watch(type, {}, { from: store.resourceVersion, signal: stop.signal });
  await act();
  for await (const event of events) if (satisfied(event.type, event.object)) return event.object;
  throw new Error('the watch ended');
}

test('a foreground deletion waits for what blocks it', async () => {
  await using store = new ObjectStore();
  const owner = await store.create(configMap('owner'));
  const held = configMap('held', { ownerReferences: [ownedBy(owner)], finalizers: ['tagboat.dev/test'] });
  await store.create(held);
  await using _collector = collect(store);
  await change(
    store,
    (_, { metadata }) => metadata.name === 'held' && metadata.deletionTimestamp !== undefined,
    () => store.delete(key('owner'), { propagation: 'Foreground' }),
  );
  expect((await store.get(key('owner')))?.metadata.finalizers).toEqual(['foregroundDeletion']);
  await change(
    store,
    (type, { metadata }) => type === 'DELETED' && metadata.name === 'owner',
    () =>
      mutate(store, key('held'), (draft) => {
        draft.metadata.finalizers = [];
      }),
  );
  expect(await store.get(key('held'))).toBeUndefined();
});

test('an orphaning deletion lets go of what is owned', async () => {
  await using store = new ObjectStore();
  const owner = await store.create(configMap('owner'));
  await store.create(configMap('kept', { ownerReferences: [ownedBy(owner)] }));
  await using _collector = collect(store);
  await change(
    store,
    (type, { metadata }) => type === 'DELETED' && metadata.name === 'owner',
    () => store.delete(key('owner'), { propagation: 'Orphan' }),
  );
  expect((await store.get(key('kept')))?.metadata.ownerReferences).toBeUndefined();
});

test('an object with another living owner only loses the reference', async () => {
  await using store = new ObjectStore();
  const [one, two] = [await store.create(configMap('one')), await store.create(configMap('two'))];
  const references = [one, two].map((owner) => ({ ...ownedBy(owner), controller: false }));
  await store.create(configMap('shared', { ownerReferences: references }));
  await using _collector = collect(store);
  const left = await change(
    store,
    (_, { metadata }) => metadata.name === 'shared' && metadata.ownerReferences?.length === 1,
    () => store.delete(key('one')),
  );
  expect(left.metadata.ownerReferences![0]!.name).toBe('two');
});

test('an object of no namespace that names an owner in one is left alone: where that is nobody says', async () => {
  await using store = new ObjectStore();
  const owner = await store.create(configMap('owner'));
  await using _collector = collect(store);
  const ownerReferences = [ownedBy(owner)];
  await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kept', ownerReferences } });
  const gone = [{ ...ownedBy(owner), uid: 'of-none' }];
  await change(
    store,
    (type) => type === 'DELETED',
    () => store.create(configMap('gone', { ownerReferences: gone })),
  );
  expect(await store.get({ type: kinds.Namespace, namespace: '', name: 'kept' })).toBeDefined();
});

test('a namespace deletes its content, waits for finalizers, and goes', async () => {
  await using store = new ObjectStore();
  const namespace = { type: kinds.Namespace, namespace: '', name: 'demo' };
  await using _controller = namespaceController({
    store,
    types: store.types,
    clock: systemClock,
    log: silentLogger,
  }).start();
  await change(
    store,
    (_, object) => (object.status as { phase?: string } | undefined)?.phase === 'Active',
    () => store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } }),
    kinds.Namespace,
  );
  await store.create(configMap('plain'));
  await store.create(configMap('held', { finalizers: ['tagboat.dev/test'] }));
  const told = await change(
    store,
    (_, object) => JSON.stringify(object.status ?? {}).includes('1 configmaps'),
    () => store.delete(namespace),
    kinds.Namespace,
  );
  expect(told.status).toMatchObject({ phase: 'Terminating' });
  await change(
    store,
    (type) => type === 'DELETED',
    () =>
      mutate(store, key('held'), (draft) => {
        draft.metadata.finalizers = [];
      }),
    kinds.Namespace,
  );
  expect((await store.list(kinds.ConfigMap)).items).toEqual([]);
});
