import { type ConfigMap, kinds, ownedBy, type ResourceKey } from '@tagboat/api';
import { invalid, ManualClock, silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
import { Controller, GarbageCollector, type Reconciler, WorkQueue } from './index.ts';

const configMap = (name: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'demo' },
  data: {},
});
const key = (name: string): ResourceKey => ({ type: kinds.ConfigMap, namespace: 'demo', name });

it('handles a key once however often it was added, and again when it changed meanwhile', async () => {
  const queue = new WorkQueue(new ManualClock());
  queue.add('a');
  queue.add('a');
  expect(await queue.take()).toBe('a');
  queue.add('a');
  expect(queue.idle).toBe(false);
  queue.done('a');
  expect(await queue.take()).toBe('a');
  queue.done('a');
  expect(queue.idle).toBe(true);
});

it('keeps the earliest of several delays', async () => {
  const clock = new ManualClock();
  const queue = new WorkQueue(clock);
  queue.addAfter('a', 1000);
  queue.addAfter('a', 10);
  queue.addAfter('a', 500);
  clock.advance(10);
  expect(await queue.take()).toBe('a');
});

function recorder(answers: (name: string) => { again: number } | undefined | Error): {
  reconciler: Reconciler;
  seen: string[];
  next: () => Promise<void>;
} {
  const seen: string[] = [];
  let wake: () => void = () => undefined;
  let waiting = new Promise<void>((resolve) => (wake = resolve));
  return {
    seen,
    next: () => waiting,
    reconciler: {
      async reconcile({ name }) {
        seen.push(name);
        wake();
        waiting = new Promise((resolve) => (wake = resolve));
        const answer = answers(name);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  };
}

it('reconciles what is there, what changes, and what asks for another look', async () => {
  const clock = new ManualClock();
  await using store = new ObjectStore({ clock });
  await store.create(configMap('first'));
  const { reconciler, seen, next } = recorder((name) =>
    name === 'first' && seen.length < 2 ? { again: 5000 } : undefined,
  );
  await using controller = new Controller({
    name: 'test',
    reader: store,
    type: kinds.ConfigMap,
    reconciler,
    clock,
  }).start();
  while (!seen.includes('first')) await next();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(5000);
  while (seen.length < 2) await next();
  await store.create(configMap('second'));
  while (!seen.includes('second')) await next();
  expect(seen).toEqual(['first', 'first', 'second']);
  expect(controller.name).toBe('test');
});

it('retries errors with a growing delay, but not those that can never work', async () => {
  const clock = new ManualClock();
  await using store = new ObjectStore({ clock });
  await store.create(configMap('broken'));
  await store.create(configMap('hopeless'));
  const { reconciler, seen, next } = recorder((name) =>
    name === 'broken' ? new Error('not yet') : invalid('never'),
  );
  await using _controller = new Controller({
    name: 'test',
    reader: store,
    type: kinds.ConfigMap,
    reconciler,
    clock,
  }).start();
  while (seen.length < 2) await next();
  for (const wait of [100, 200]) {
    await new Promise((resolve) => setImmediate(resolve));
    const count = seen.length;
    clock.advance(wait);
    while (seen.length === count) await next();
  }
  expect(seen.filter((name) => name === 'broken')).toHaveLength(3);
  expect(seen.filter((name) => name === 'hopeless')).toHaveLength(1);
});

it('keeps nothing of what it is done with', async () => {
  const clock = new ManualClock();
  await using store = new ObjectStore({ clock });
  const { reconciler, seen, next } = recorder((name) =>
    name === 'hopeless' ? invalid('never') : name === 'again' ? { again: 1000 } : undefined,
  );
  await using controller = new Controller({
    name: 'test',
    reader: store,
    type: kinds.ConfigMap,
    reconciler,
    clock,
  }).start();
  const names = [...Array.from({ length: 100 }, (_, index) => `run-${index}`), 'hopeless', 'again'];
  for (const name of names) controller.enqueue(key(name));
  while (seen.length < names.length) await next();
  await new Promise((resolve) => setImmediate(resolve));
  expect([controller.idle, controller.size]).toEqual([true, 1]);
  clock.advance(1000);
  while (seen.length <= names.length) await next();
  expect(seen.at(-1)).toBe('again');
});

it('deletes what lost its last owner, also what was orphaned while nobody looked', async () => {
  await using store = new ObjectStore();
  const owner = await store.create(configMap('owner'));
  const owned = {
    ...configMap('owned'),
    metadata: { name: 'owned', namespace: 'demo', ownerReferences: [ownedBy(owner)] },
  };
  const orphan = {
    ...configMap('orphan'),
    metadata: { name: 'orphan', namespace: 'demo', ownerReferences: [{ ...ownedBy(owner), uid: 'gone' }] },
  };
  await store.create(owned);
  await store.create(orphan);
  const gone: string[] = [];
  const abort = new AbortController();
  const watching = (async () => {
    for await (const event of store.watch(kinds.ConfigMap, {}, { signal: abort.signal })) {
      if (event.type === 'DELETED') gone.push(event.object.metadata.name);
      if (gone.length === 1 && event.object.metadata.name === 'orphan') await store.delete(key('owner'));
      if (gone.length === 3) return;
    }
  })();
  await using _collector = new GarbageCollector({
    store,
    types: store.types,
    clock: systemClock,
    log: silentLogger,
  }).start();
  await watching;
  expect(gone).toEqual(['orphan', 'owner', 'owned']);
});

it('reads no more than its query asks for, and of changes-only watches only what comes later', async () => {
  await using store = new ObjectStore();
  await store.create({ ...configMap('elsewhere'), metadata: { name: 'elsewhere', namespace: 'other' } });
  await store.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'old', namespace: 'demo' },
  });
  await store.create(configMap('first'));
  const { reconciler, seen, next } = recorder(() => undefined);
  await using _controller = new Controller({
    name: 'narrow',
    reader: store,
    type: kinds.ConfigMap,
    query: { namespace: 'demo' },
    watches: [
      { type: kinds.Secret, changesOnly: true, keys: (secret) => [key(`of-${secret.metadata.name}`)] },
    ],
    reconciler,
  }).start();
  await next();
  const later = next();
  await store.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'new', namespace: 'demo' } });
  await later;
  expect(seen).toEqual(['first', 'of-new']);
});
