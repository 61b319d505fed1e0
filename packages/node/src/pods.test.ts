import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigMap, type Container, kinds, type Pod, type PodSpec, type Secret } from '@tagboat/api';
import { silentLogger, systemClock, TagboatError } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { imageRoot } from '@tagboat/process/testing';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hostTools, type Node, startNode } from './index.ts';

let home: string;
let store: ObjectStore;
let node: Node;

async function start(driver?: 'process'): Promise<void> {
  node = await startNode({
    store,
    clock: systemClock,
    log: silentLogger,
    home,
    images: async (reference) => {
      if (reference !== 'own/image') throw new TagboatError('no such image', { reason: 'ImagePullFailed' });
      return {
        kind: 'rootfs',
        digest: 'sha256:1',
        directory: await imageRoot(join(home, 'image')),
        config: { User: 'worker', Env: ['FROM=image'], WorkingDir: '/srv' },
      };
    },
    tokenFor: () => 'the-token',
    environment: {},
    tools: hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined }),
    ...(driver ? { driver } : {}),
  });
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-pods-'));
  store = new ObjectStore({});
});
afterEach(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const key = { type: kinds.Pod, namespace: 'n', name: 'p' };
const sh = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'bash',
  command: ['sh', '-c', script],
  ...more,
});

/** Creates the pod and waits until it is as wanted. */
async function run(spec: Partial<PodSpec>, wanted: (pod: Pod) => boolean): Promise<Pod> {
  await store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', labels: { app: 'web' } },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [], ...spec },
  });
  return until(wanted);
}

async function until(wanted: (pod: Pod) => boolean): Promise<Pod> {
  const from = (await store.list(kinds.Pod)).resourceVersion;
  const now = await store.get<Pod>(key);
  if (now && wanted(now)) return now;
  for await (const { object } of store.watch<Pod>(kinds.Pod, {}, { from })) if (wanted(object)) return object;
  throw new Error('the watch ended');
}

async function removed(): Promise<void> {
  const from = (await store.list(kinds.Pod)).resourceVersion;
  await store.delete(key);
  if (!(await store.get(key))) return;
  for await (const { type } of store.watch<Pod>(kinds.Pod, {}, { from })) if (type === 'DELETED') return;
}

const phaseIs = (phase: string) => (pod: Pod) => pod.status?.phase === phase;
const isReady = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

async function logOf(container: string): Promise<string> {
  let text = '';
  for await (const part of node.access.logs({ namespace: 'n', pod: 'p', container })) text += part;
  return text;
}

async function events(wanted: string): Promise<string[]> {
  const from = (await store.list(kinds.Event)).resourceVersion;
  const reasons = async () =>
    (await store.list<Event>(kinds.Event)).items.map(({ reason, message }) => `${reason}: ${message}`);
  const found = await reasons();
  if (found.some((text) => text.startsWith(wanted))) return found;
  for await (const { object } of store.watch<Event>(kinds.Event, {}, { from }))
    if (`${object.reason}: ${object.message}`.startsWith(wanted)) break;
  return reasons();
}

describe.each([['process'], [undefined]] as const)('pods of the driver %s', (driver) => {
  it('runs init containers in order, a sidecar beside them, then the containers', async () => {
    await start(driver);
    const mounts = [{ name: 'shared', mountPath: '/shared' }];
    const pod = await run(
      {
        volumes: [{ name: 'shared', emptyDir: {} }],
        initContainers: [
          sh('one', 'echo one > /shared/log', { volumeMounts: mounts }),
          sh('side', 'touch /shared/side; trap "echo bye; exit 0" TERM; sleep 600 & wait', {
            restartPolicy: 'Always',
            volumeMounts: mounts,
            startupProbe: { exec: { command: ['test', '-e', '/shared/side'] } },
          }),
          sh('two', 'test -e /shared/side && echo two >> /shared/log', { volumeMounts: mounts }),
        ],
        containers: [sh('main', 'cat /shared/log', { volumeMounts: mounts })],
      },
      phaseIs('Succeeded'),
    );
    expect(await logOf('main')).toBe('one\ntwo\n');
    expect(await logOf('side')).toBe('bye\n');
    expect(pod.status?.initContainerStatuses?.map(({ state }) => state?.terminated?.exitCode)).toEqual([
      0, 0, 0,
    ]);
    expect(pod.status?.conditions?.find(({ type }) => type === 'Initialized')).toMatchObject({
      status: 'True',
      reason: 'PodCompleted',
    });
  });

  it('fails where an init container fails and may not run again', async () => {
    await start(driver);
    const pod = await run(
      { initContainers: [sh('bad', 'echo sorry; exit 3')], containers: [sh('main', 'true')] },
      phaseIs('Failed'),
    );
    expect(pod.status?.initContainerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'sorry',
    });
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('PodInitializing');
  });

  it('gives variables and files from Secrets, ConfigMaps and the pod itself, once they are there', async () => {
    await start(driver);
    const running = run(
      {
        serviceAccountName: 'builder',
        volumes: [
          {
            name: 'all',
            projected: {
              defaultMode: 0o440,
              sources: [
                { configMap: { name: 'c', items: [{ key: 'a', path: 'deep/a', mode: 0o600 }] } },
                { secret: { name: 's' } },
                { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
              ],
            },
          },
        ],
        containers: [
          sh(
            'c',
            'echo $A $PREFIX_b $NAME $ACCOUNT $LIMIT $UNKNOWN; cd /all; stat -L -c "%a %n" deep/a b; cat labels deep/a',
            {
              envFrom: [{ prefix: 'PREFIX_', secretRef: { name: 's' } }],
              env: [
                { name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'a' } } },
                { name: 'UNKNOWN', valueFrom: { configMapKeyRef: { name: 'x', key: 'a', optional: true } } },
                { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'ACCOUNT', valueFrom: { fieldRef: { fieldPath: 'spec.serviceAccountName' } } },
                {
                  name: 'LIMIT',
                  valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } },
                },
              ],
              resources: { limits: { memory: '64Mi' } },
              volumeMounts: [{ name: 'all', mountPath: '/all' }],
            },
          ),
        ],
      },
      phaseIs('Succeeded'),
    );
    await events('FailedMount: configmap "c" not found');
    await store.create<ConfigMap>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', namespace: 'n' },
      data: { a: 'aa' },
    });
    await store.create<Secret>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'n' },
      data: { b: Buffer.from('bbbb').toString('base64') },
    });
    await running;
    expect((await logOf('c')).split('\n')).toEqual([
      'aa *** p builder 64',
      '600 deep/a',
      '440 b',
      'app="web"aa',
      '',
    ]);
  });

  it('tells what it does by events, and starts again what fails, later each time', async () => {
    await start(driver);
    const pod = await run(
      { restartPolicy: 'Always', containers: [sh('c', 'echo failing; exit 1')] },
      (found) => found.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: false,
      state: {
        waiting: { message: `back-off 10s restarting failed container=c pod=p_n(${pod.metadata.uid})` },
      },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect((await events('BackOff')).map((text) => text.split(':')[0])).toEqual(
      expect.arrayContaining(['Scheduled', 'Pulled', 'Created', 'Started', 'BackOff']),
    );
    let previous = '';
    for await (const part of node.access.logs({ namespace: 'n', pod: 'p', container: 'c', previous: true }))
      previous += part;
    expect(previous).toBe('failing\n');
  });

  it('is ready by its probes and restarts what is no longer alive', async () => {
    await start(driver);
    let healthy = true;
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/ready' || healthy ? 200 : 500).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const pod = await run(
        {
          restartPolicy: 'Always',
          containers: [
            sh('c', 'trap exit TERM; sleep 600 & wait', {
              startupProbe: { tcpSocket: { port, host: '127.0.0.1' } },
              readinessProbe: { httpGet: { host: '127.0.0.1', port, path: '/ready' } },
              livenessProbe: {
                httpGet: { host: '127.0.0.1', port, path: '/live' },
                periodSeconds: 0.05,
                failureThreshold: 2,
              },
            }),
          ],
        },
        isReady,
      );
      expect(pod.status).toMatchObject({ phase: 'Running', qosClass: 'BestEffort' });
      healthy = false;
      await until((found) => (found.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
      const texts = await events('Killing');
      expect(texts).toContain('Killing: Container c failed liveness probe, will be restarted');
      expect(texts).toContain('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500');
    } finally {
      server.close();
    }
  });

  it('runs hooks, and a deleted pod ends before its object goes', async () => {
    await start(driver);
    await store.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'n' },
      spec: {},
    });
    await run(
      {
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        containers: [
          sh('c', 'trap "echo term >> /data/log; exit" TERM; sleep 600 & wait', {
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
            lifecycle: {
              postStart: { exec: { command: ['sh', '-c', 'echo start > /data/log'] } },
              preStop: { exec: { command: ['sh', '-c', 'echo stop >> /data/log'] } },
            },
          }),
        ],
      },
      isReady,
    );
    await removed();
    expect(await readFile(join(home, 'volumes/claims/n/data/log'), 'utf8')).toBe('start\nstop\nterm\n');
    expect(await events('Killing')).toContain('Killing: Stopping container c');
  });

  it('ends a pod at once where its deletion says so, though it was given time before', async () => {
    await start(driver);
    await run(
      {
        terminationGracePeriodSeconds: 1000,
        containers: [sh('main', 'trap "" TERM; while :; do sleep 1; done')],
      },
      phaseIs('Running'),
    );
    await store.delete(key);
    const from = (await store.list(kinds.Pod)).resourceVersion;
    await store.delete(key, { gracePeriodSeconds: 0 });
    for await (const { type } of store.watch<Pod>(kinds.Pod, {}, { from })) if (type === 'DELETED') break;
    expect(await store.get(key)).toBeUndefined();
  });

  it('ends a pod at its deadline', async () => {
    await start(driver);
    const pod = await run(
      { activeDeadlineSeconds: 0.2, containers: [sh('c', 'trap exit TERM; sleep 600 & wait')] },
      phaseIs('Failed'),
    );
    expect(pod.status?.reason).toBe('DeadlineExceeded');
  });

  it('waits for an image it cannot have', async () => {
    await start(driver);
    const waiting = (found: Pod) => found.status?.containerStatuses?.[0]?.state?.waiting?.reason;
    const pod = await run(
      { containers: [{ name: 'c', image: 'registry.example/x:1' }] },
      (found) => waiting(found) === 'ImagePullBackOff',
    );
    expect(pod.status?.phase).toBe('Pending');
    expect(await events('Failed')).toContain(
      'Failed: Failed to pull image "registry.example/x:1": no such image',
    );
    await removed();
  });

  it('takes up again what ran when the platform ended', async () => {
    await start(driver);
    await run(
      { restartPolicy: 'Always', containers: [sh('c', 'trap exit TERM; sleep 600 & wait')] },
      isReady,
    );
    await node[Symbol.asyncDispose]();
    await start(driver);
    const pod = await until(
      (found) => isReady(found) && found.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.reason).toBe('ContainerStatusUnknown');
  });
});

it('shows an image as its own, writes over it in a layer, and runs as its user', async () => {
  await start();
  const script = [
    'id -u; id -g; pwd; echo $FROM',
    'echo changed > /srv/file && cat /srv/file && echo 1 > /dev/stdout',
    'cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo',
    'cat /proc/self/status | grep CapEff; echo why > /dev/termination-log; exit 3',
  ];
  const pod = await run(
    { containers: [{ name: 'c', image: 'own/image', command: ['/bin/sh', '-c', script.join('; ')] }] },
    phaseIs('Failed'),
  );
  const message = pod.status?.containerStatuses?.[0]?.state?.terminated;
  expect((await logOf('c')).split('\n')).toEqual([
    '1234',
    '5678',
    '/srv',
    'image',
    'changed',
    '1',
    'n',
    'CapEff:\t0000000000000000',
    '',
  ]);
  expect(message).toMatchObject({ exitCode: 3, message: 'why\n' });
  expect(await readFile(join(home, 'image/srv/file'), 'utf8')).toBe('original\n');
  expect(await readdir('/run/secrets').catch(() => [])).not.toContain('kubernetes.io');
});

it('keeps a pod that must run in a container waiting where there is no engine', async () => {
  vi.stubEnv('DOCKER_HOST', `unix://${join(home, 'none.sock')}`);
  await start();
  await store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', labels: { 'tagboat.dev/untrusted': 'true' } },
    spec: { containers: [sh('c', 'true')] },
  });
  const pod = await until((found) => found.status?.message !== undefined);
  expect(pod.status).toMatchObject({
    phase: 'Pending',
    message: expect.stringContaining('there is no container engine'),
  });
  vi.unstubAllEnvs();
});

it('describes this machine', async () => {
  await start('process');
  const { items } = await store.list(kinds.Node);
  expect(items[0]?.status).toMatchObject({
    capacity: { pods: '1000' },
    nodeInfo: { operatingSystem: process.platform },
  });
});
