import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigMap, type KubernetesObject, kinds, type Pod } from '@tagboat/api';
import { afterEach, describe, expect, it } from 'vitest';
import { mutateStatus, ObjectStore, openDiskStore, type ResourceStore, type WatchEvent } from './index.ts';
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
