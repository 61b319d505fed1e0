import {
  type ConfigMap,
  type Deployment,
  type KubernetesObject,
  kinds,
  parseFieldSelector,
  parseSelector,
  type ResourceType,
} from '@tagboat/api';
import { isReason } from '@tagboat/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { mutate } from '../mutate.ts';
import type { Reader, WatchEvent, Writer } from '../types.ts';

export type ContractStore = Reader & Writer;

const configMap = (name: string, labels: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'demo', labels: { contract: 'yes', ...labels } },
  data: { a: '1' },
});
/** One that no controller has anything to do for. */
const deployment = (name: string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'demo' },
  spec: {
    replicas: 0,
    paused: true,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'none' }] },
    },
  },
});
const key = (name: string, type: ResourceType = kinds.ConfigMap) => ({ type, namespace: 'demo', name });
/** Clusters put ConfigMaps of their own into every namespace. */
const ours = parseSelector('contract=yes');

async function take<T extends KubernetesObject>(
  events: AsyncIterable<WatchEvent<T>>,
  count: number,
): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of events) {
    seen.push(`${event.type} ${event.object.metadata.name}`);
    if (seen.length === count) break;
  }
  return seen;
}

async function ensureNamespace(store: ContractStore, name: string): Promise<void> {
  await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }).catch((error: unknown) => {
    if (!isReason(error, 'AlreadyExists')) throw error;
  });
}

/**
 * What every Reader and Writer promises: those in memory and on disk, and those over the API of any Kubernetes. `open`
 * gives one in which the namespaces `demo` and `elsewhere` have nothing of an earlier test.
 */
export function storeContract(name: string, open: () => Promise<ContractStore>): void {
  describe(`the store contract: ${name}`, () => {
    let store: ContractStore;
    beforeEach(async () => {
      store = await open();
      for (const namespace of ['demo', 'elsewhere']) await ensureNamespace(store, namespace);
    });

    it('creates, reads, updates and deletes', async () => {
      const created = await store.create(configMap('one'));
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(await store.get(key('one'))).toEqual(created);
      const updated = await store.update({ ...created, data: { a: '2' } });
      expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(
        Number(created.metadata.resourceVersion),
      );
      expect(updated.data).toEqual({ a: '2' });
      await store.delete(key('one'));
      expect(await store.get(key('one'))).toBeUndefined();
      await expect(store.delete(key('one'))).rejects.toMatchObject({ reason: 'NotFound' });
    });

    it('refuses a second of the same name and a stale revision', async () => {
      const created = await store.create(configMap('one'));
      await expect(store.create(configMap('one'))).rejects.toMatchObject({ reason: 'AlreadyExists' });
      await store.update({ ...created, data: { a: '2' } });
      await expect(store.update({ ...created, data: { a: '3' } })).rejects.toMatchObject({
        reason: 'Conflict',
      });
    });

    it('keeps status and spec apart, and generation to what is declared', async () => {
      const created = await store.create(deployment('d'));
      const withStatus = await store.updateStatus<Deployment>({
        ...created,
        spec: { ...created.spec!, replicas: 7 },
        status: { ...created.status, observedGeneration: 1 },
      });
      expect([
        withStatus.spec?.replicas,
        withStatus.status?.observedGeneration,
        withStatus.metadata.generation,
      ]).toEqual([0, 1, 1]);
      const updated = await mutate<Deployment>(store, key('d', kinds.Deployment), (draft) => {
        draft.spec = { ...draft.spec!, minReadySeconds: 3 };
        draft.status = {};
      });
      expect([updated.status?.observedGeneration, updated.metadata.generation]).toEqual([1, 2]);
    });

    it('writes nothing when nothing changes', async () => {
      const created = await store.create(configMap('one'));
      const same = await store.update(structuredClone(created));
      expect(same.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    });

    it('waits for finalizers', async () => {
      const object = configMap('one');
      object.metadata.finalizers = ['tagboat.dev/cleanup'];
      await store.create(object);
      await store.delete(key('one'));
      expect((await store.get(key('one')))?.metadata.deletionTimestamp).toBeDefined();
      await mutate(store, key('one'), (draft) => {
        draft.metadata.finalizers = [];
      });
      expect(await store.get(key('one'))).toBeUndefined();
    });

    it('takes a shorter grace period for what is ending, and no longer one', async () => {
      const object = configMap('one');
      object.metadata.finalizers = ['tagboat.dev/cleanup'];
      await store.create(object);
      const grace = async (seconds: number) => {
        await store.delete(key('one'), { gracePeriodSeconds: seconds });
        return (await store.get(key('one')))?.metadata.deletionGracePeriodSeconds;
      };
      expect([await grace(30), await grace(60), await grace(5), await grace(0)]).toEqual([30, 30, 5, 0]);
      await mutate(store, key('one'), (draft) => {
        draft.metadata.finalizers = [];
      });
    });

    it('lists in order, by namespace and label, in pages', async () => {
      for (const name of ['c', 'a', 'b'])
        await store.create(configMap(name, { side: name === 'b' ? 'left' : 'right' }));
      await store.create({
        ...configMap('other'),
        metadata: { name: 'other', namespace: 'elsewhere', labels: { contract: 'yes' } },
      });
      const names = (items: readonly KubernetesObject[]) => items.map((item) => item.metadata.name);
      expect(names((await store.list(kinds.ConfigMap, { namespace: 'demo', labels: ours })).items)).toEqual([
        'a',
        'b',
        'c',
      ]);
      expect(
        names((await store.list(kinds.ConfigMap, { labels: parseSelector('side=left') })).items),
      ).toEqual(['b']);
      const first = await store.list(kinds.ConfigMap, { labels: ours, limit: 2 });
      const second = await store.list(kinds.ConfigMap, { labels: ours, limit: 2, continue: first.continue! });
      expect([...names(first.items), ...names(second.items)]).toEqual(['a', 'b', 'c', 'other']);
      expect(second.continue).toBeUndefined();
    });

    it('shows every page of a list as things were at the first', async () => {
      for (const name of ['a', 'b', 'c', 'd']) await store.create(configMap(name));
      const first = await store.list<ConfigMap>(kinds.ConfigMap, {
        namespace: 'demo',
        labels: ours,
        limit: 2,
      });
      await mutate<ConfigMap>(store, key('c'), (draft) => {
        draft.data = { a: 'changed' };
      });
      await store.delete(key('d'));
      await store.create(configMap('bb'));
      await store.create(configMap('e'));
      const rest = await store.list<ConfigMap>(kinds.ConfigMap, {
        namespace: 'demo',
        labels: ours,
        continue: first.continue!,
      });
      expect(rest.items.map(({ metadata, data }) => [metadata.name, data!.a])).toEqual([
        ['c', '1'],
        ['d', '1'],
      ]);
      expect(rest.resourceVersion).toBe(first.resourceVersion);
      const then = await store.list(kinds.ConfigMap, {
        namespace: 'demo',
        labels: ours,
        revision: first.resourceVersion,
      });
      expect(then.items.map((item) => item.metadata.name)).toEqual(['a', 'b', 'c', 'd']);
    });

    it('checks a dry run and keeps nothing of it', async () => {
      expect((await store.create(configMap('one'), { dryRun: true })).metadata.uid).toBeDefined();
      expect(await store.get(key('one'))).toBeUndefined();
      const created = await store.create(configMap('one'));
      await expect(store.create(configMap('one'), { dryRun: true })).rejects.toMatchObject({
        reason: 'AlreadyExists',
      });
      await store.update({ ...created, data: { a: '2' } }, { dryRun: true });
      await store.delete(key('one'), { dryRun: true });
      expect(await store.get(key('one'))).toEqual(created);
    });

    it('selects by field, and makes names', async () => {
      await store.create(configMap('one'));
      const unnamed = configMap('');
      unnamed.metadata.generateName = 'made-';
      await store.create(unnamed);
      const fields = parseFieldSelector('metadata.name!=one');
      const { items } = await store.list(kinds.ConfigMap, { namespace: 'demo', labels: ours, fields });
      expect(items.map((item) => item.metadata.name)).toEqual([expect.stringMatching(/^made-[a-z0-9]{5}$/)]);
    });

    it('watches from a revision, with changes of selection told as added and deleted', async () => {
      const first = await store.create(configMap('one', { on: 'yes' }));
      const watching = store.watch(
        kinds.ConfigMap,
        { labels: parseSelector('on=yes') },
        { from: first.metadata.resourceVersion! },
      );
      await store.create(configMap('two', { on: 'no' }));
      await mutate(store, key('two'), (draft) => {
        draft.metadata.labels = { on: 'yes' };
      });
      await mutate(store, key('one'), (draft) => {
        draft.metadata.labels = {};
      });
      expect(await take(watching, 2)).toEqual(['ADDED two', 'DELETED one']);
    });

    it('ends a watch when its signal aborts', async () => {
      const abort = new AbortController();
      const seen = take(store.watch(kinds.ConfigMap, {}, { signal: abort.signal }), 5);
      abort.abort();
      expect(await seen).toEqual([]);
    });

    it('lets concurrent changes of one object all happen', async () => {
      await store.create(configMap('one'));
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          mutate<ConfigMap>(store, key('one'), (draft) => {
            draft.data = { ...draft.data, [`k${index}`]: 'x' };
          }),
        ),
      );
      expect(Object.keys((await store.get<ConfigMap>(key('one')))!.data!)).toHaveLength(11);
    });
  });
}
