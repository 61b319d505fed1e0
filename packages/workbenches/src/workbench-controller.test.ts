import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  findCondition,
  type KubernetesObject,
  kinds,
  type Notebook,
  type Pod,
  type ResourceType,
} from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildWorkbench } from './build-notebook.ts';
import { snapshotFinalizer } from './deletion.ts';
import { defaultProfiles } from './profiles.ts';
import { workbenchController } from './workbench-controller.ts';

let stack: AsyncDisposableStack;
let store: ObjectStore;
let kernels: { execution_state: string; last_activity: string }[];
let port: number;
let clock: ManualClock;
let asked: number;

const at = (type: ResourceType, name: string) => ({ type, namespace: 'demo', name });
const notebookKey = at(kinds.Notebook, 'ada');
const podKey = at(kinds.Pod, 'ada-0');

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  store = stack.use(new ObjectStore({}));
  kernels = [];
  asked = 0;
  clock = new ManualClock();
  const jupyter = createServer((request, response) => {
    asked++;
    expect(request.headers.authorization).toMatch(/^token \S{20,}/);
    response.end(JSON.stringify(request.url?.endsWith('/api/kernels') ? kernels : []));
  });
  jupyter.listen(0, '127.0.0.1');
  await once(jupyter, 'listening');
  stack.defer(() => {
    jupyter.closeAllConnections();
    jupyter.close();
  });
  port = (jupyter.address() as AddressInfo).port;
  const controller = workbenchController({
    store,
    clock,
    log: silentLogger,
    gitUrl: 'http://127.0.0.1:8080/git',
    registry: '127.0.0.1:8080',
    diskUse: async () => 4096,
    traffic: () => ({ connections: 0, lastRequest: 0 }),
  });
  stack.use(controller.start());
});
afterEach(() => stack.disposeAsync());

/** Waits until an object is as wanted; undefined: gone. */
async function until<T extends KubernetesObject>(
  key: ReturnType<typeof at>,
  wanted: (object: T | undefined) => boolean,
): Promise<T | undefined> {
  const stop = new AbortController();
  const changes = store.watch<T>(key.type, { namespace: 'demo' }, { signal: stop.signal });
  const iterator = changes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      const object = await store.get<T>(key);
      if (wanted(object)) return object;
      if ((await next).done) throw new Error(`the watch of ${key.name} ended`);
    }
  } finally {
    stop.abort();
  }
}
const phase = (name: string) => (notebook: Notebook | undefined) =>
  findCondition(notebook?.status?.conditions, 'Ready')?.reason === name;

async function create(idleTimeout = '4h'): Promise<Notebook> {
  const { claim, notebook } = buildWorkbench(
    { namespace: 'demo', name: 'ada', profile: 'project', repository: 'app', idleTimeout },
    defaultProfiles,
  );
  await store.create(claim);
  return store.create(notebook);
}

async function becomeReady(): Promise<void> {
  const since = new Date(clock.now() - 3_600_000).toISOString();
  await mutateStatus<Pod>(store, podKey, (draft) => {
    const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: since }];
    draft.status = { phase: 'Running', podIP: '127.0.0.1', hostPort: port, conditions };
  });
}

it('makes pod, Service and token; stops and starts again on the same claim', async () => {
  await create();
  const pod = (await until<Pod>(podKey, (found) => found !== undefined))!;
  const variables = pod.spec!.containers[0]!.env!;
  expect(variables).toContainEqual({
    name: 'TAGBOAT_REPOSITORY_URL',
    value: 'http://127.0.0.1:8080/git/demo/app.git',
  });
  expect(await store.get(at(kinds.Service, 'ada'))).toBeDefined();
  expect(await store.get(at(kinds.Secret, 'ada-workbench-token'))).toBeDefined();
  await becomeReady();
  const running = await until<Notebook>(notebookKey, phase('Running'));
  expect(running!.status).toMatchObject({ readyReplicas: 1, diskUse: 4096 });
  await mutate<Notebook>(store, notebookKey, (draft) => {
    draft.metadata.annotations!['kubeflow-resource-stopped'] = '2026-01-01T00:00:00Z';
  });
  await until<Notebook>(notebookKey, phase('Stopped'));
  expect(await store.get(podKey)).toBeUndefined();
  await mutate<Notebook>(store, notebookKey, (draft) => {
    delete draft.metadata.annotations!['kubeflow-resource-stopped'];
  });
  const again = (await until<Pod>(podKey, (found) => found !== undefined))!;
  expect(again.metadata.uid).not.toBe(pod.metadata.uid);
  expect(again.spec!.volumes).toContainEqual({ name: 'home', persistentVolumeClaim: { claimName: 'ada' } });
});

it('stops what nobody uses, and keeps what has a busy kernel', async () => {
  await create('10m');
  await until<Pod>(podKey, (found) => found !== undefined);
  kernels = [{ execution_state: 'busy', last_activity: new Date(0).toISOString() }];
  await becomeReady();
  const busy = await until<Notebook>(notebookKey, (found) => found?.status?.lastActivity !== undefined);
  expect(busy!.metadata.annotations).not.toHaveProperty('kubeflow-resource-stopped');
  // What was written of it must not make it be asked again and again.
  await mutate<Notebook>(store, notebookKey, (draft) => {
    draft.metadata.labels = { ...draft.metadata.labels, looked: 'again' };
  });
  expect(asked).toBe(2);
  kernels = [{ execution_state: 'idle', last_activity: new Date(0).toISOString() }];
  clock.advance(480_000);
  const warned = await until<Notebook>(
    notebookKey,
    (found) => findCondition(found?.status?.conditions, 'Idle')?.status === 'True',
  );
  expect(findCondition(warned!.status?.conditions, 'Idle')?.message).toContain('unless it is used');
  clock.advance(180_000);
  const stopped = await until<Notebook>(notebookKey, phase('Stopped'));
  expect(stopped!.metadata.annotations).toHaveProperty('kubeflow-resource-stopped');
});

it('deletes files only after a snapshot, and keeps them where that fails', async () => {
  await create();
  await until<Pod>(podKey, (found) => found !== undefined);
  await mutate<Notebook>(store, notebookKey, (draft) => {
    draft.metadata.finalizers = [snapshotFinalizer];
  });
  await store.delete(notebookKey);
  const snapshotKey = at(kinds.Pod, 'ada-snapshot-ada');
  const snapshot = (await until<Pod>(snapshotKey, (found) => found !== undefined))!;
  expect(snapshot.spec!.containers[0]!.volumeMounts).toMatchObject([{ readOnly: true }]);
  expect(await store.get(podKey)).toBeUndefined();
  await mutateStatus<Pod>(store, snapshotKey, (draft) => {
    draft.status = { phase: 'Failed', message: 'the registry is full' };
  });
  const failed = await until<Notebook>(notebookKey, (found) =>
    /the registry is full/.test(findCondition(found?.status?.conditions, 'Ready')?.message ?? ''),
  );
  expect(failed).toBeDefined();
  expect(await store.get(at(kinds.PersistentVolumeClaim, 'ada'))).toBeDefined();
  await mutate<Notebook>(store, notebookKey, (draft) => {
    draft.metadata.annotations!['tagboat.dev/on-delete'] = 'discard';
  });
  await until<Notebook>(notebookKey, (found) => found === undefined);
  expect(await store.get(at(kinds.PersistentVolumeClaim, 'ada'))).toBeUndefined();
});

it('says what is wrong with a Notebook that has no container', async () => {
  await store.create<Notebook>({
    apiVersion: 'kubeflow.org/v1',
    kind: 'Notebook',
    metadata: { name: 'ada', namespace: 'demo' },
    spec: { template: { spec: { containers: [] } } },
  });
  const failed = await until<Notebook>(notebookKey, phase('Failed'));
  expect(findCondition(failed!.status?.conditions, 'Ready')?.message).toContain('expected a container');
});
