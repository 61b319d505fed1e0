import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Deployment, kinds, type Pod, type ReplicaSet, type Service } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createWorkloadControllers,
  Gateway,
  planRollout,
  RouteTable,
  rolloutBounds,
  type ServedExchange,
} from './index.ts';

const deployment = (
  replicas: number,
  image = 'a',
  strategy: Deployment['spec'] extends infer S ? Partial<NonNullable<S>> : never = {},
): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'n' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
    ...strategy,
  },
});

const set = (name: string, replicas: number, available: number): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name },
  spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
  status: { replicas, availableReplicas: available },
});

describe('planRollout', () => {
  const careful = deployment(1, 'a', { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
  it('adds before it removes', () => {
    expect([...planRollout(careful, set('new', 0, 0), [set('old', 1, 1)])]).toEqual([['new', 1]]);
    expect([...planRollout(careful, set('new', 1, 0), [set('old', 1, 1)])]).toEqual([]);
    expect([...planRollout(careful, set('new', 1, 1), [set('old', 1, 1)])]).toEqual([['old', 0]]);
  });
  it('removes what never became ready at once, and rounds as Kubernetes does', () => {
    expect([...planRollout(careful, set('new', 1, 0), [set('broken', 1, 0), set('old', 1, 1)])]).toEqual([
      ['broken', 0],
    ]);
    expect(rolloutBounds(deployment(10))).toEqual({ surge: 3, unavailable: 2 });
    expect(
      rolloutBounds(
        deployment(1, 'a', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '25%' } } }),
      ),
    ).toEqual({ surge: 0, unavailable: 1 });
  });
});

describe('controllers and gateway', () => {
  let store: ObjectStore;
  let running: AsyncDisposable[];
  beforeEach(() => {
    store = new ObjectStore({});
    running = createWorkloadControllers({
      store,
      clock: systemClock,
      log: silentLogger,
      appsUrl: 'http://127.0.0.1:8081',
    }).map((controller) => controller.start());
  });
  afterEach(async () => {
    for (const item of running) await item[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  const key = { type: kinds.Deployment, namespace: 'n', name: 'web' };
  async function until<T extends object>(
    type: (typeof kinds)[keyof typeof kinds],
    holds: (items: readonly T[]) => boolean,
  ): Promise<readonly T[]> {
    const first = await store.list(type);
    if (holds(first.items as readonly T[])) return first.items as readonly T[];
    for await (const _ of store.watch(type, {}, { from: first.resourceVersion })) {
      const { items } = await store.list(type);
      if (holds(items as readonly T[])) return items as readonly T[];
    }
    throw new Error('the watch ended');
  }
  const markReady = (pod: Pod, ip = '127.0.0.1', since = '2026-01-01T00:00:00Z') =>
    mutateStatus<Pod>(store, { type: kinds.Pod, namespace: 'n', name: pod.metadata.name }, (draft) => {
      draft.status = {
        phase: 'Running',
        podIP: ip,
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }],
      };
    });

  it('rolls a new template out and reports it', async () => {
    await store.create(
      deployment(1, 'a', { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    );
    const [first] = await until<Pod>(kinds.Pod, (pods) => pods.length === 1);
    await markReady(first!);
    await until<Deployment>(kinds.Deployment, ([found]) => found?.status?.availableReplicas === 1);
    await mutate<Deployment>(store, key, (draft) => {
      draft.spec!.template.spec.containers[0]!.image = 'b';
    });
    const both = await until<Pod>(kinds.Pod, (pods) => pods.length === 2);
    await markReady(both.find((pod) => pod.metadata.name !== first!.metadata.name)!);
    const [left] = await until<Pod>(kinds.Pod, (pods) => pods.length === 1);
    expect(left?.spec?.containers[0]?.image).toBe('b');
    const [done] = await until<Deployment>(
      kinds.Deployment,
      ([found]) =>
        found?.status?.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable') ?? false,
    );
    expect(done?.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
  });

  it('a pod that is ready is available, also where the clock was set back since', async () => {
    await store.create(deployment(1));
    const [pod] = await until<Pod>(kinds.Pod, (pods) => pods.length === 1);
    await markReady(pod!, '127.0.0.1', '2099-01-01T00:00:00Z');
    await until<ReplicaSet>(kinds.ReplicaSet, ([found]) => found?.status?.readyReplicas === 1);
    const { items } = await store.list<ReplicaSet>(kinds.ReplicaSet);
    expect(items[0]?.status?.availableReplicas).toBe(1);
  });

  it('routes to ready pods, hides credentials and says what is missing', async () => {
    const backend: Server = createServer((request, response) =>
      response
        .setHeader('x-tagboat-model', 'sha256:m')
        .end(JSON.stringify({ url: request.url, headers: request.headers })),
    );
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const port = (backend.address() as AddressInfo).port;
    const routes = new RouteTable({ reader: store, clock: systemClock, log: silentLogger });
    const observed: ServedExchange[] = [];
    const gateway = new Gateway({
      routes,
      clock: systemClock,
      log: silentLogger,
      observe: (exchange) => observed.push(exchange),
    });
    const front = createServer(gateway.handle);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    try {
      await store.create<Service>({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'm-predictor', namespace: 'n' },
        spec: { selector: { app: 'm' }, ports: [{ port: 80, targetPort: port }] },
      });
      await store.create<Pod>({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p', namespace: 'n', labels: { app: 'm' } },
        spec: { containers: [] },
      });
      await until<Pod>(kinds.Pod, (pods) => pods.length === 1);
      const ask = () =>
        fetch(`${url}/n/m/predict?x=1`, {
          headers: { authorization: 'Bearer t', cookie: 'tagboat=1; mine=2' },
        });
      let answer = await ask();
      expect([404, 503]).toContain(answer.status);
      await markReady((await store.get<Pod>({ type: kinds.Pod, namespace: 'n', name: 'p' }))!);
      while (answer.status !== 200) answer = await ask();
      const seen = (await answer.json()) as { url: string; headers: Record<string, string> };
      expect(seen.url).toBe('/predict?x=1');
      expect(seen.headers).toMatchObject({ cookie: 'mine=2', 'x-forwarded-prefix': '/n/m' });
      expect(seen.headers.authorization).toBeUndefined();
      expect(((await (await fetch(`${url}/n/other/`)).json()) as { error: string }).error).toMatch(
        /here are: \/n\/m\//,
      );
      expect(gateway.metricsText()).toContain('tagboat_predictions_total{namespace="n",name="m"}');
      const served = observed.find(({ status }) => status === 200);
      expect(served).toMatchObject({
        namespace: 'n',
        name: 'm',
        method: 'GET',
        path: '/predict',
        model: 'sha256:m',
      });
      expect(served!.responseBytes).toBe(Buffer.byteLength(JSON.stringify(seen)));
    } finally {
      front.close();
      backend.close();
      gateway.close();
      await routes[Symbol.asyncDispose]();
    }
  });
});
