import { kinds, TypeRegistry } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { namespaceController } from './namespace-controller.ts';

test('each namespace has the ServiceAccount default, also when somebody deletes it', async () => {
  const types = new TypeRegistry();
  await using store = new ObjectStore({ types });
  await using _running = namespaceController({
    store,
    types,
    clock: systemClock,
    log: silentLogger,
  }).start();
  await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
  const account = { type: kinds.ServiceAccount, namespace: 'team', name: 'default' };
  const made = async () => {
    const query = { namespace: 'team' };
    const { items, resourceVersion: from } = await store.list(kinds.ServiceAccount, query);
    if (items[0]) return items[0];
    for await (const { type, object } of store.watch(kinds.ServiceAccount, query, { from }))
      if (type === 'ADDED') return object;
    throw new Error('the watch ended');
  };
  const before = await made();
  await store.delete(account);
  expect((await made()).metadata.uid).not.toBe(before.metadata.uid);
});
