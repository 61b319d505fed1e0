import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import {
  type Endpoints,
  findCondition,
  type Ingress,
  type KubernetesObject,
  kinds,
  type Pod,
  type Route,
  type Service,
} from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { matchRule } from './host-routes.ts';
import { createWorkloadControllers, Gateway, RouteTable } from './index.ts';
import { listenerPorts } from './service-ports.ts';
import { ServiceProxy } from './service-proxy.ts';

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

async function until<T extends KubernetesObject>(
  type: (typeof kinds)[keyof typeof kinds],
  holds: (items: readonly T[]) => boolean,
): Promise<readonly T[]> {
  const first = await store.list<T>(type);
  if (holds(first.items)) return first.items;
  for await (const _ of store.watch(type, {}, { from: first.resourceVersion })) {
    const { items } = await store.list<T>(type);
    if (holds(items)) return items;
  }
  throw new Error('the watch ended');
}

async function service(name: string, port: number): Promise<void> {
  await store.create<Service>({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'n' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 8080, targetPort: port }] },
  });
}

async function readyPod(app: string, ready = true): Promise<void> {
  const name = `${app}-pod`;
  await store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'n', labels: { app } },
    spec: { containers: [] },
  });
  await mutateStatus<Pod>(store, { type: kinds.Pod, namespace: 'n', name }, (draft) => {
    draft.status = {
      phase: 'Running',
      podIP: '127.0.0.1',
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    };
  });
}

describe('Service', () => {
  it.skipIf(process.platform !== 'linux')(
    'has an address of its own that leads to ready pods (skipped where there is one loopback address)',
    async () => {
      const server = createServer((socket) => socket.end('hello'));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await service('web', (server.address() as AddressInfo).port);
      await readyPod('web');
      await until<Endpoints>(
        kinds.Endpoints,
        ([found]) => found?.subsets?.[0]?.addresses?.[0]?.ip === '127.0.0.1',
      );
      const { items } = await store.list<Service>(kinds.Service);
      const host = items[0]?.spec?.clusterIP ?? '';
      expect(host).toMatch(/^127\./);
      let text = '';
      while (text === '') {
        const socket = connect({ host, port: 8080 });
        socket.on('error', () => undefined);
        socket.on('data', (data) => {
          text += data.toString();
        });
        await new Promise((resolve) => socket.on('close', resolve));
      }
      expect(text).toBe('hello');
      const { items: slices } = await store.list<KubernetesObject & { endpoints: unknown[] }>(
        kinds.EndpointSlice,
      );
      expect(slices[0]?.endpoints).toMatchObject([{ addresses: ['127.0.0.1'], conditions: { ready: true } }]);
      server.close();
    },
  );

  it("listens on Services' own addresses alone, and for one Service each", async () => {
    await using proxy = new ServiceProxy();
    const ports = [{ name: 'http', port: 8080 }];
    const of = (clusterIP: string, nodePort?: number) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', namespace: 'n' },
      spec: { clusterIP, ports: [{ ...ports[0]!, ...(nodePort ? { nodePort } : {}) }] },
    });
    for (const address of ['0.0.0.0', '127.0.0.1', '192.168.1.1', '127.64.0.1', '::', 'localhost'])
      expect(await proxy.set('n/s', listenerPorts(of(address), []))).toEqual([
        expect.stringContaining(`${address} is no address of Services`),
      ]);
    expect(await proxy.set('n/s', listenerPorts(of('127.192.7.7'), []))).toEqual([]);
    expect(await proxy.set('other/s', listenerPorts(of('127.192.7.7'), []))).toEqual([
      expect.stringContaining('127.192.7.7:8080 is that of n/s'),
    ]);
    // Whoever could not have it does not take it away either.
    await proxy.set('other/s', []);
    const socket = connect({ host: '127.192.7.7', port: 8080 });
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve));
    expect(refused.code).toBe('ECONNRESET');
  });

  it('lists pods that are not ready apart', async () => {
    await service('web', 1);
    await readyPod('web', false);
    const [found] = await until<Endpoints>(kinds.Endpoints, ([item]) => item?.subsets !== undefined);
    expect(found?.subsets?.[0]).toMatchObject({
      notReadyAddresses: [{ targetRef: { name: 'web-pod' } }],
      ports: [{ name: 'http', port: 1 }],
    });
  });
});

describe('Ingress and Route', () => {
  it('lead from host names and paths to Services, and say where', async () => {
    const backend = createHttpServer((asked, response) => response.end(`${asked.headers.host} ${asked.url}`));
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    const routes = new RouteTable({ reader: store, clock: systemClock, log: silentLogger });
    const gateway = new Gateway({ routes, clock: systemClock, log: silentLogger });
    const front = createHttpServer(gateway.handle);
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    try {
      await service('web', (backend.address() as AddressInfo).port);
      await readyPod('web');
      await store.create<Ingress>({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        metadata: { name: 'i', namespace: 'n' },
        spec: {
          rules: [
            {
              host: 'web.example.com',
              http: {
                paths: [
                  {
                    path: '/api',
                    pathType: 'Prefix',
                    backend: { service: { name: 'web', port: { name: 'http' } } },
                  },
                ],
              },
            },
          ],
        },
      });
      await store.create<Route>({
        apiVersion: 'route.openshift.io/v1',
        kind: 'Route',
        metadata: { name: 'r', namespace: 'n' },
        spec: { to: { kind: 'Service', name: 'web' } },
      });
      const [route] = await until<Route>(kinds.Route, ([found]) => found?.status?.ingress !== undefined);
      expect(findCondition(route?.status?.ingress?.[0]?.conditions, 'Admitted')?.status).toBe('True');
      await until<Ingress>(
        kinds.Ingress,
        ([found]) => found?.status?.loadBalancer?.ingress?.[0]?.ip === '127.0.0.1',
      );
      while (!gateway.servesHost('r-n.apps.localhost') || !routes.backends('n', 'web')?.length)
        await routes.changed(new AbortController().signal);
      const { port } = front.address() as AddressInfo;
      const ask = (host: string, path: string) =>
        new Promise<string>((resolve, reject) => {
          request({ host: '127.0.0.1', port, path, headers: { host } }, async (answer) => {
            let text = '';
            for await (const part of answer) text += part;
            resolve(`${answer.statusCode} ${text}`);
          })
            .on('error', reject)
            .end();
        });
      expect(await ask('web.example.com:8081', '/api/x?y=1')).toBe('200 web.example.com:8081 /api/x?y=1');
      expect(await ask('web.example.com', '/other')).toMatch(/^404/);
      expect(await ask('r-n.apps.localhost', '/any')).toBe('200 r-n.apps.localhost /any');
      expect(await ask('127.0.0.1', '/n/web/path')).toBe('200 127.0.0.1 /path');
    } finally {
      front.close();
      backend.close();
      gateway.close();
      await routes[Symbol.asyncDispose]();
    }
  });

  it('prefers hosts that are named, exact paths, and longer ones', () => {
    const rule = (service: string, host: string | undefined, path: string, exact = false) => ({
      host,
      path,
      exact,
      namespace: 'n',
      service,
      port: undefined,
    });
    const rules = [
      rule('any', undefined, '/'),
      rule('wild', '*.example.com', '/'),
      rule('host', 'a.example.com', '/'),
      rule('long', 'a.example.com', '/x/y'),
      rule('exact', 'a.example.com', '/x', true),
    ];
    const found = (host: string, path: string) => matchRule(rules, host, path)?.service;
    expect(found('a.example.com', '/x')).toBe('exact');
    expect(found('A.example.com:80', '/x/y/z')).toBe('long');
    expect(found('a.example.com', '/x/yz')).toBe('host');
    expect(found('b.example.com', '/')).toBe('wild');
    expect(found('b.c.example.com', '/')).toBe('any');
  });

  it("cannot take over this machine's own names, which workbenches and all models are reached by", () => {
    const rule = (service: string, host: string | undefined) => ({
      host,
      path: '/',
      exact: false,
      namespace: 'n',
      service,
      port: undefined,
    });
    const rules = [
      rule('a', 'localhost'),
      rule('b', '127.0.0.1'),
      rule('c', '*.0.0.1'),
      rule('d', '[::1]'),
      rule('any', undefined),
    ];
    for (const host of ['localhost:8081', '127.0.0.1', '127.0.0.1:8081', 'LOCALHOST', '[::1]:8081'])
      expect(matchRule(rules, host, '/')?.service).toBe('any');
    expect(matchRule([rule('web', 'web.localhost')], 'web.localhost', '/')?.service).toBe('web');
  });
});

it('says of what nothing acts on that nothing does', async () => {
  await store.create({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 's', namespace: 'n' },
    spec: {},
  });
  const [found] = await until<KubernetesObject<unknown, { conditions?: { type: string; status: string }[] }>>(
    kinds.StatefulSet,
    ([item]) => item?.status !== undefined,
  );
  expect(found?.status?.conditions).toMatchObject([
    { type: 'ActedOn', status: 'False', reason: 'NotSupported' },
  ]);
});
