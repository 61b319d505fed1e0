import { type Deployment, findCondition, type KubernetesObject, kinds } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
import { type InferenceService, inferenceServiceController } from './index.ts';

it('runs an InferenceService as a Deployment and a Service, and says when it is ready', async () => {
  const store = new ObjectStore({});
  const controller = inferenceServiceController({
    store,
    clock: systemClock,
    log: silentLogger,
    appsUrl: 'http://127.0.0.1:8081',
  }).start();
  const key = { type: kinds.InferenceService, namespace: 'demo-staging', name: 'm' };
  const ready = async (status: string) => {
    const list = await store.list<InferenceService>(kinds.InferenceService);
    const holds = (service: InferenceService | undefined) =>
      findCondition(service?.status?.conditions, 'Ready')?.status === status;
    if (holds(list.items[0])) return list.items[0]!;
    for await (const { object } of store.watch<InferenceService>(
      kinds.InferenceService,
      {},
      { from: list.resourceVersion },
    ))
      if (holds(object)) return object;
    throw new Error('the watch ended');
  };
  try {
    await store.create<InferenceService>({
      apiVersion: 'serving.kserve.io/v1beta1',
      kind: 'InferenceService',
      metadata: { name: 'm', namespace: 'demo-staging' },
      spec: {
        predictor: { minReplicas: 2, containers: [{ name: 'kserve-container', image: 'i@sha256:1' }] },
      },
    });
    await ready('False');
    const name = { type: kinds.Deployment, namespace: 'demo-staging', name: 'm-predictor' };
    const deployment = await store.get<Deployment>(name);
    expect(deployment?.spec).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    });
    await mutateStatus<Deployment>(store, name, (draft) => {
      draft.status = {
        observedGeneration: draft.metadata.generation!,
        replicas: 2,
        updatedReplicas: 2,
        availableReplicas: 2,
      };
    });
    expect((await ready('True')).status).toMatchObject({
      url: 'http://127.0.0.1:8081/demo-staging/m',
      modelStatus: { transitionStatus: 'UpToDate' },
    });
    expect(await store.get({ ...key, type: kinds.Service, name: 'm-predictor' })).toBeDefined();
  } finally {
    await controller[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
});

it('says of which generation its status speaks, also where the service changes meanwhile', async () => {
  const store = new ObjectStore({});
  const key = { type: kinds.InferenceService, namespace: 'demo-staging', name: 'm' };
  const changing = new Proxy(store, {
    get(target, name) {
      if (name === 'create')
        return async (object: KubernetesObject) => {
          const made = await target.create(object);
          // The last thing that is written before the status.
          if (object.kind === 'Service')
            await mutate<InferenceService>(store, key, (draft) => {
              draft.spec!.predictor.minReplicas = 3;
            });
          return made;
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const { resourceVersion } = await store.list(kinds.InferenceService);
  const controller = inferenceServiceController({
    store: changing,
    clock: systemClock,
    log: silentLogger,
    appsUrl: 'http://127.0.0.1:8081',
  }).start();
  const seen: unknown[] = [];
  try {
    await store.create<InferenceService>({
      apiVersion: 'serving.kserve.io/v1beta1',
      kind: 'InferenceService',
      metadata: { name: 'm', namespace: 'demo-staging' },
      spec: { predictor: { minReplicas: 2, containers: [{ name: 'kserve-container', image: 'i' }] } },
    });
    for await (const { object } of store.watch<InferenceService>(key.type, {}, { from: resourceVersion })) {
      const generation = object.status?.observedGeneration;
      if (generation !== undefined && generation !== seen.at(-1)) seen.push(generation);
      if (generation === 2) break;
    }
    expect(seen).toEqual([1, 2]);
  } finally {
    await controller[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
});
