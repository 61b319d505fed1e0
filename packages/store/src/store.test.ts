import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigMap, type KubernetesObject, kinds, type Pod } from '@tagboat/api';
import { afterEach, describe, expect, it } from 'vitest';
import { Secrets } from './encryption.ts';
import { mutateStatus, ObjectStore, openDiskStore, type ResourceStore, type WatchEvent } from './index.ts';
import { SqliteJournal } from './sqlite-journal.ts';
import { storeContract } from './testing/contract.ts';

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

storeContract('memory', async () => new ObjectStore());
storeContract('disk', openDisk);

it('a follower that cannot take a change harms neither the writer nor the others', async () => {
  await using store = new ObjectStore({});
  const told: unknown[] = [];
  const type = kinds.ConfigMap;
  const failing = {
    push: () => {
      throw new Error('cannot');
    },
    close: (error?: unknown) => told.push(error),
  };
  const seen: string[] = [];
  store.follow(type, undefined, failing);
  store.follow(type, undefined, {
    push: (changes) => seen.push(...changes.map(({ key }) => key)),
    close: () => undefined,
  });
  await store.create(configMap('a'));
  await store.create(configMap('b'));
  expect(seen).toEqual(['demo/a', 'demo/b']);
  expect(told).toMatchObject([{ message: 'cannot' }]);
});

describe('the disk store', () => {
  it('a write after its thread has ended fails, and does not wait for ever', async () => {
    const path = await directory();
    const secrets = await Secrets.open(join(path, 'key'));
    const journal = await SqliteJournal.open(join(path, 'store.sqlite'), secrets);
    await journal[Symbol.asyncDispose]();
    const record = { revision: 2, type: '/configmaps', namespace: 'n', name: 'a', json: '{}' };
    await expect(journal.append([record])).rejects.toMatchObject({ reason: 'StoreFailed' });
  });

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

  it('makes no other key where the one of stored Secrets is lost', async () => {
    const path = await directory();
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'demo' } };
    const store = await openAt(path);
    await store.create(secret);
    await store[Symbol.asyncDispose]();
    const key = await readFile(join(path, 'key'));
    await rm(join(path, 'key'));
    const lost = openAt(path);
    await expect(lost).rejects.toMatchObject({
      reason: 'Corrupt',
      message: expect.stringContaining('missing'),
    });
    await expect(readFile(join(path, 'key'))).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(path, 'key'), key);
    const again = await openAt(path);
    expect(await again.get({ type: kinds.Secret, namespace: 'demo', name: 's' })).toMatchObject(secret);
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
