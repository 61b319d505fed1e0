import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ConfigMap,
  type KubernetesObject,
  kinds,
  type Pod,
  parseFieldSelector,
  parseSelector,
} from '@tagboat/api';
import { afterEach, describe, expect, it } from 'vitest';
import {
  mutate,
  mutateStatus,
  ObjectStore,
  openDiskStore,
  type ResourceStore,
  type WatchEvent,
} from './index.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'store-'));
  cleanups.push(() => rm(path, { recursive: true }));
  return path;
}

const openAt = (path: string) => openDiskStore({ directory: path, keyFile: join(path, 'key') });

async function openDisk(): Promise<ResourceStore> {
  const store = await openAt(await directory());
  cleanups.push(() => store[Symbol.asyncDispose]());
  return store;
}

const configMap = (name: string, labels: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'demo', labels },
  data: { a: '1' },
});
const pod = (name: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'demo' },
  spec: { containers: [] },
});
const key = (name: string, type: (typeof kinds)[keyof typeof kinds] = kinds.ConfigMap) => ({
  type,
  namespace: 'demo',
  name,
});

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

const implementations: [string, () => Promise<ResourceStore>][] = [
  ['memory', async () => new ObjectStore()],
  ['disk', openDisk],
];

describe.each(implementations)('the store contract: %s', (_name, open) => {
  it('creates, reads, updates and deletes', async () => {
    const store = await open();
    const created = await store.create(configMap('one'));
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await store.get(key('one'))).toEqual(created);
    const updated = await store.update({ ...created, data: { a: '2' } });
    expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(
      Number(created.metadata.resourceVersion),
    );
    expect(updated.metadata.generation).toBe(2);
    await store.delete(key('one'));
    expect(await store.get(key('one'))).toBeUndefined();
    await expect(store.delete(key('one'))).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('refuses a second of the same name and a stale revision', async () => {
    const store = await open();
    const created = await store.create(configMap('one'));
    await expect(store.create(configMap('one'))).rejects.toMatchObject({ reason: 'AlreadyExists' });
    await store.update({ ...created, data: { a: '2' } });
    await expect(store.update({ ...created, data: { a: '3' } })).rejects.toMatchObject({
      reason: 'Conflict',
    });
  });

  it('keeps status and spec apart, and generation to what is declared', async () => {
    const store = await open();
    const created = await store.create(pod('p'));
    const withStatus = await store.updateStatus({
      ...created,
      spec: { containers: [{ name: 'ignored' }] },
      status: { phase: 'Running' },
    });
    expect([withStatus.spec?.containers, withStatus.status?.phase, withStatus.metadata.generation]).toEqual([
      [],
      'Running',
      1,
    ]);
    const { status: _, ...rest } = withStatus;
    const updated = await store.update({ ...rest, spec: { containers: [{ name: 'c' }] } } as Pod);
    expect([updated.status?.phase, updated.metadata.generation]).toEqual(['Running', 2]);
  });

  it('writes nothing when nothing changes', async () => {
    const store = await open();
    const created = await store.create(configMap('one'));
    const same = await store.update(structuredClone(created));
    expect(same.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
  });

  it('waits for finalizers', async () => {
    const store = await open();
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

  it('lists in order, by namespace and label, in pages', async () => {
    const store = await open();
    for (const name of ['c', 'a', 'b'])
      await store.create(configMap(name, { side: name === 'b' ? 'left' : 'right' }));
    await store.create({ ...configMap('other'), metadata: { name: 'other', namespace: 'elsewhere' } });
    const names = (items: readonly KubernetesObject[]) => items.map((item) => item.metadata.name);
    expect(names((await store.list(kinds.ConfigMap, { namespace: 'demo' })).items)).toEqual(['a', 'b', 'c']);
    expect(names((await store.list(kinds.ConfigMap, { labels: parseSelector('side=left') })).items)).toEqual([
      'b',
    ]);
    const first = await store.list(kinds.ConfigMap, { limit: 2 });
    const second = await store.list(kinds.ConfigMap, { limit: 2, continue: first.continue! });
    expect([...names(first.items), ...names(second.items)]).toEqual(['a', 'b', 'c', 'other']);
    expect([first.remainingItemCount, second.continue]).toEqual([2, undefined]);
  });

  it('shows every page of a list as things were at the first', async () => {
    const store = await open();
    for (const name of ['a', 'b', 'c', 'd']) await store.create(configMap(name));
    const first = await store.list<ConfigMap>(kinds.ConfigMap, { namespace: 'demo', limit: 2 });
    await mutate<ConfigMap>(store, key('c'), (draft) => {
      draft.data = { a: 'changed' };
    });
    await store.delete(key('d'));
    await store.create(configMap('bb'));
    await store.create(configMap('e'));
    const rest = await store.list<ConfigMap>(kinds.ConfigMap, {
      namespace: 'demo',
      continue: first.continue!,
    });
    expect(rest.items.map(({ metadata, data }) => [metadata.name, data!.a])).toEqual([
      ['c', '1'],
      ['d', '1'],
    ]);
    expect(rest.resourceVersion).toBe(first.resourceVersion);
    const then = await store.list(kinds.ConfigMap, { revision: first.resourceVersion });
    expect(then.items.map((item) => item.metadata.name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('checks a dry run and keeps nothing of it', async () => {
    const store = await open();
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
    const store = await open();
    await store.create(configMap('one'));
    await store.create({
      ...configMap(''),
      metadata: { name: '', generateName: 'made-', namespace: 'demo' },
    });
    const fields = parseFieldSelector('metadata.name!=one');
    const { items } = await store.list(kinds.ConfigMap, { fields });
    expect(items.map((item) => item.metadata.name)).toEqual([expect.stringMatching(/^made-[a-z0-9]{5}$/)]);
  });

  it('watches from a revision, with changes of selection told as added and deleted', async () => {
    const store = await open();
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
    const store = await open();
    const abort = new AbortController();
    const seen = take(store.watch(kinds.ConfigMap, {}, { signal: abort.signal }), 5);
    abort.abort();
    expect(await seen).toEqual([]);
  });

  it('lets concurrent changes of one object all happen', async () => {
    const store = await open();
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

describe('the disk store', () => {
  it('has everything that was acknowledged when it opens again, Secrets encrypted', async () => {
    const path = await directory();
    const store = await openAt(path);
    await store.create(configMap('kept'));
    await store.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'demo' },
      stringData: { password: 'open-sesame-1234' },
    } as KubernetesObject);
    await store.create(pod('p'));
    await mutateStatus<Pod>(store, key('p', kinds.Pod), (draft) => {
      draft.status = { phase: 'Running' };
    });
    const { resourceVersion } = store;
    await store[Symbol.asyncDispose]();
    expect((await readFile(join(path, 'store.sqlite'))).includes('open-sesame-1234')).toBe(false);
    const again = await openAt(path);
    expect(again.resourceVersion).toBe(resourceVersion);
    expect((await again.get<Pod>(key('p', kinds.Pod)))?.status?.phase).toBe('Running');
    expect(await again.get(key('s', kinds.Secret))).toMatchObject({
      stringData: { password: 'open-sesame-1234' },
    });
    await again[Symbol.asyncDispose]();
  });

  it('refuses a second opener', async () => {
    const path = await directory();
    const store = await openAt(path);
    await expect(openAt(path)).rejects.toMatchObject({ reason: 'Locked' });
    await store[Symbol.asyncDispose]();
  });

  it('tells a watcher from before a restart to list again', async () => {
    const store = new ObjectStore({ historyLimit: 2 });
    for (let index = 0; index < 10; index++) await store.create(configMap(`m${index}`));
    await expect(take(store.watch(kinds.ConfigMap, {}, { from: '1' }), 1)).rejects.toMatchObject({
      reason: 'Expired',
    });
    await expect(take(store.watch(kinds.ConfigMap, {}, { from: '999' }), 1)).rejects.toMatchObject({
      reason: 'Expired',
    });
  });
});
