import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ConfigMap, kinds, type Pod, type Secret } from '@tagboat/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isReady, PodWorld, phaseIs, sh } from './pods.testing.ts';

let world: PodWorld;
beforeEach(async () => {
  world = await PodWorld.make();
});
afterEach(() => world[Symbol.asyncDispose]());

describe.each([['process'], [undefined]] as const)('pods of the driver %s', (driver) => {
  it('runs init containers in order, a sidecar beside them, then the containers', async () => {
    await world.start(driver);
    const mounts = [{ name: 'shared', mountPath: '/shared' }];
    const pod = await world.run(
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
    expect(await world.logOf('main')).toBe('one\ntwo\n');
    expect(await world.logOf('side')).toBe('bye\n');
    expect(pod.status?.initContainerStatuses?.map(({ state }) => state?.terminated?.exitCode)).toEqual([
      0, 0, 0,
    ]);
    expect(pod.status?.conditions?.find(({ type }) => type === 'Initialized')).toMatchObject({
      status: 'True',
      reason: 'PodCompleted',
    });
  });

  it('fails where an init container fails and may not run again', async () => {
    await world.start(driver);
    const pod = await world.run(
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
    await world.start(driver);
    const running = world.run(
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
    await world.events('FailedMount: configmap "c" not found');
    await world.store.create<ConfigMap>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', namespace: 'n' },
      data: { a: 'aa' },
    });
    await world.store.create<Secret>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'n' },
      data: { b: Buffer.from('bbbb').toString('base64') },
    });
    await running;
    expect((await world.logOf('c')).split('\n')).toEqual([
      'aa *** p builder 64',
      '600 deep/a',
      '440 b',
      'app="web"aa',
      '',
    ]);
  });

  it('tells what it does by events, and starts again what fails, later each time', async () => {
    await world.start(driver);
    const pod = await world.run(
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
    expect((await world.events('BackOff')).map((text) => text.split(':')[0])).toEqual(
      expect.arrayContaining(['Scheduled', 'Pulled', 'Created', 'Started', 'BackOff']),
    );
    expect(await world.logOf('c', true)).toBe('failing\n');
  });

  it('is ready by its probes and restarts what is no longer alive', async () => {
    await world.start(driver);
    let healthy = true;
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/ready' || healthy ? 200 : 500).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const pod = await world.run(
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
      await world.until((found) => (found.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
      const texts = await world.events('Killing');
      expect(texts).toContain('Killing: Container c failed liveness probe, will be restarted');
      expect(texts).toContain('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500');
    } finally {
      server.close();
    }
  });

  it('waits for an image it cannot have', async () => {
    await world.start(driver);
    const waiting = (found: Pod) => found.status?.containerStatuses?.[0]?.state?.waiting?.reason;
    const pod = await world.run(
      { containers: [{ name: 'c', image: 'registry.example/x:1' }] },
      (found) => waiting(found) === 'ImagePullBackOff',
    );
    expect(pod.status?.phase).toBe('Pending');
    expect(await world.events('Failed')).toContain(
      'Failed: Failed to pull image "registry.example/x:1": no such image',
    );
    await world.removed();
  });
});

it('shows an image as its own, writes over it in a layer, and runs as its user', async () => {
  await world.start();
  const script = [
    'id -u; id -g; pwd; echo $FROM',
    'echo changed > /srv/file && cat /srv/file && echo 1 > /dev/stdout',
    'cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo',
    'cat /proc/self/status | grep CapEff; echo why > /dev/termination-log; exit 3',
  ];
  const pod = await world.run(
    { containers: [{ name: 'c', image: 'own/image', command: ['/bin/sh', '-c', script.join('; ')] }] },
    phaseIs('Failed'),
  );
  const message = pod.status?.containerStatuses?.[0]?.state?.terminated;
  expect((await world.logOf('c')).split('\n')).toEqual([
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
  expect(await readFile(join(world.home, 'image/srv/file'), 'utf8')).toBe('original\n');
  expect(await readdir('/run/secrets').catch(() => [])).not.toContain('kubernetes.io');
});

it('gives a plain process no home that an image says, which would be the host’s', async () => {
  await world.start('process');
  await world.run(
    { containers: [{ name: 'c', image: 'own/image', command: ['/bin/sh', '-c', 'echo "[$HOME]"'] }] },
    phaseIs('Succeeded'),
  );
  expect(await world.logOf('c')).toBe('[]\n');
});

it('keeps a pod that must run in a container waiting where there is no engine', async () => {
  vi.stubEnv('DOCKER_HOST', `unix://${join(world.home, 'none.sock')}`);
  await world.start();
  await world.store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', labels: { 'tagboat.dev/untrusted': 'true' } },
    spec: { containers: [sh('c', 'true')] },
  });
  const pod = await world.until((found) => found.status?.message !== undefined);
  expect(pod.status).toMatchObject({
    phase: 'Pending',
    message: expect.stringContaining('there is no container engine'),
  });
  vi.unstubAllEnvs();
});

it('describes this machine', async () => {
  await world.start('process');
  const { items } = await world.store.list(kinds.Node);
  expect(items[0]?.status).toMatchObject({
    capacity: { pods: '1000' },
    nodeInfo: { operatingSystem: process.platform },
  });
});
