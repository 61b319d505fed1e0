import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type KubernetesObject, kinds, TypeRegistry } from '@tagboat/api';
import { createLogger } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Resources } from './resources.ts';
import { serveWatchSockets } from './watch-socket.ts';

const types = new TypeRegistry();
let store: ObjectStore;
let server: Server;
let url: string;
let allowed: boolean;

beforeEach(async () => {
  store = new ObjectStore({});
  server = createServer();
  allowed = true;
  serveWatchSockets(server, {
    resources: new Resources(store, types),
    types,
    log: createLogger({ write: () => undefined }),
    authorize: async () => allowed,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await store[Symbol.asyncDispose]();
});

const configMap = (name: string, namespace = 'demo'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
});

interface Event {
  readonly type: string;
  readonly object: KubernetesObject & { readonly reason?: string };
}

/** The next `count` events of a watch. */
async function watch(path: string, count: number): Promise<Event[]> {
  const socket = new WebSocket(`${url}${path}`);
  const events: Event[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('message', ({ data }) => {
      events.push(JSON.parse(String(data)) as Event);
      if (events.length === count) resolve();
    });
    socket.addEventListener('close', () => reject(new Error(`closed after ${events.length} events`)));
  });
  socket.close();
  return events;
}

test('begins with what is there, and goes on with what changes', async () => {
  await store.create(configMap('a'));
  const seen = watch('/api/v1/namespaces/demo/configmaps?watch=true', 3);
  await store.create(configMap('other', 'elsewhere'));
  await store.create(configMap('b'));
  await store.delete({ type: kinds.ConfigMap, namespace: 'demo', name: 'b' });
  expect((await seen).map(({ type, object }) => [type, object.metadata.name])).toEqual([
    ['ADDED', 'a'],
    ['ADDED', 'b'],
    ['DELETED', 'b'],
  ]);
});

test('goes on from a revision', async () => {
  const first = await store.create(configMap('a'));
  await store.create(configMap('b'));
  const from = first.metadata.resourceVersion;
  const events = await watch(`/api/v1/configmaps?watch=1&resourceVersion=${from}`, 1);
  expect(events[0]!.object.metadata.name).toBe('b');
});

test('what cannot be watched is an ERROR event with a Status, then the end', async () => {
  const [event] = await watch('/apis/none.example/v1/things?watch=true', 1);
  expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', reason: 'NotFound' } });
});

test('who may not watch gets no socket', async () => {
  allowed = false;
  await expect(watch('/api/v1/pods?watch=true', 1)).rejects.toThrow('closed after 0 events');
});
