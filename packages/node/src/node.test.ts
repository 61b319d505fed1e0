import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  kinds,
  maskedSecretsAnnotation,
  type Pod,
  type PodSteps,
  podStepsAnnotation,
  type Secret,
  type TaskRun,
} from '@tagboat/api';
import { ManualClock, silentLogger, systemClock } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlGroups } from './control-groups.ts';
import { hostTools, type Node, type Retained, startNode } from './index.ts';

let home: string;
let store: ObjectStore;
let node: Node;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-node-'));
  store = new ObjectStore({});
});
afterEach(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

async function start(
  driver?: 'process',
  more: { clock?: ManualClock; retained?: Retained } = {},
): Promise<Node> {
  node = await startNode({
    store,
    clock: systemClock,
    log: silentLogger,
    home,
    images: () => Promise.reject(new Error('no images here')),
    tokenFor: () => 'the-token',
    environment: { TAGBOAT_URL: 'http://127.0.0.1:1' },
    tools: hostTools({ tagboat: ['/bin/echo', 'tagboat'], directories: [], python: async () => undefined }),
    ...(driver ? { driver } : {}),
    ...more,
  });
  return node;
}

function stepPod(
  name: string,
  scripts: Record<string, string>,
  more: Partial<PodSteps['steps'][number]> = {},
): Pod {
  const names = Object.keys(scripts);
  const steps: PodSteps = {
    steps: names.map((step) => ({ container: `step-${step}`, script: scripts[step]!, ...more })),
    results: [{ name: 'out', type: 'string' }],
  };
  const mounts = ['workspace', 'home', 'results', 'steps'].map((volume) => ({
    name: volume,
    mountPath: volume === 'workspace' ? '/workspace' : `/tekton/${volume}`,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'demo', annotations: { [podStepsAnnotation]: JSON.stringify(steps) } },
    spec: {
      restartPolicy: 'Never',
      containers: names.map((step) => ({
        name: `step-${step}`,
        image: 'bash',
        workingDir: '/workspace',
        env: [{ name: 'HOME', value: '/tekton/home' }],
        volumeMounts: mounts,
      })),
      volumes: ['workspace', 'home', 'results', 'steps'].map((volume) => ({ name: volume, emptyDir: {} })),
    },
  };
}

async function finished(name: string): Promise<Pod> {
  const key = { type: kinds.Pod, namespace: 'demo', name };
  const isDone = (pod: Pod | undefined) => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '');
  const listed = await store.list<Pod>(kinds.Pod, { namespace: 'demo' });
  for await (const { object } of store.watch<Pod>(
    kinds.Pod,
    { namespace: 'demo', name },
    { from: listed.resourceVersion },
  )) {
    const now = await store.get<Pod>(key);
    if (isDone(now)) return now!;
    if (isDone(object)) return object;
  }
  throw new Error('the watch ended');
}

async function run(pod: Pod): Promise<Pod> {
  const waiting = finished(pod.metadata.name);
  await store.create(pod);
  return waiting;
}

async function logOf(pod: string, container: string): Promise<string> {
  let text = '';
  for await (const part of node.access.logs({ namespace: 'demo', pod, container })) text += part;
  return text;
}

/** What was told about a part of a pod, in its order, once it is so much. */
async function eventsOf(pod: string, fieldPath: string, count: number): Promise<string[]> {
  for (;;) {
    const { items, resourceVersion } = await store.list<Event>(kinds.Event, { namespace: 'demo' });
    const told = items.filter(
      ({ involvedObject }) => involvedObject.name === pod && involvedObject.fieldPath === fieldPath,
    );
    if (told.length >= count) return told.map(({ reason, message }) => `${reason} ${message}`);
    for await (const _ of store.watch<Event>(kinds.Event, { namespace: 'demo' }, { from: resourceVersion }))
      break;
  }
}

describe.each([['process'], [undefined]] as const)('a node with the driver %s', (driver) => {
  it('masks the values of Secrets that the text of a pod was made with', async () => {
    await start(driver);
    await store.create<Secret>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'demo' },
      data: { token: Buffer.from('very-secure').toString('base64') },
    });
    const pod = stepPod('masked', { one: '#!/bin/sh\necho key very-secure' });
    const named = JSON.stringify([
      { name: 'keys', key: 'token' },
      { name: 'gone', key: 'x' },
    ]);
    pod.metadata.annotations = { ...pod.metadata.annotations, [maskedSecretsAnnotation]: named };
    await run(pod);
    expect(await logOf('masked', 'step-one')).toBe('key ***\n');
  });

  it('runs steps in order with shared files, results and logs', async () => {
    await start(driver);
    const pod = await run(
      stepPod('two', {
        one: '#!/bin/sh\necho from one > /workspace/file; pwd\nprintf 42 > /tekton/results/out',
        two: '#!/bin/sh\ncat /workspace/file; cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo; tagboat x',
      }),
    );
    expect(pod.status?.phase).toBe('Succeeded');
    const message = pod.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '';
    expect(JSON.parse(message)).toContainEqual({ key: 'out', value: '42', type: 1 });
    expect(await logOf('two', 'step-two')).toBe('from one\n***\ntagboat x\n');
    const missing = pod.status?.conditions?.find(({ type }) => type === 'Sandboxed')?.message;
    if (driver === 'process') expect(missing).toContain('read-only mounts can be written to');
    for (const step of ['one', 'two'])
      expect(await eventsOf('two', `spec.containers{step-${step}}`, 3)).toEqual([
        'Pulled Container image "bash" is a toolbox: this machine\'s own tools stand in for it',
        `Created Created container: step-${step}`,
        `Started Started container step-${step}`,
      ]);
  });

  it('fails at the step that fails, and skips the rest', async () => {
    await start(driver);
    const pod = await run(
      stepPod('bad', { one: '#!/bin/sh\necho why >&2; exit 3', two: '#!/bin/sh\necho no' }),
    );
    expect(pod.status).toMatchObject({ phase: 'Failed', message: 'why' });
    const codes = pod.status?.containerStatuses?.map((status) => status.state?.terminated?.exitCode);
    expect(codes).toEqual([3, 1]);
    expect(await logOf('bad', 'step-two')).toBe('');
  });

  it('goes on after an ignored error and ends a step at its timeout', async () => {
    await start(driver);
    const ignored = await run(
      stepPod('ignored', { one: '#!/bin/sh\nexit 3', two: '#!/bin/sh\ntrue' }, { onError: 'continue' }),
    );
    expect(ignored.status?.phase).toBe('Succeeded');
    const late = await run(stepPod('late', { one: '#!/bin/sh\nsleep 600' }, { timeoutMilliseconds: 200 }));
    expect(late.status?.message).toBe('the step timed out');
    expect(late.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(1);
  });

  it('ends daemons that a step leaves, and opens its output by name', async () => {
    await start(driver);
    const pod = await run(
      stepPod('daemon', {
        one: '#!/bin/sh\nsetsid sh -c "echo \\$\\$ > /workspace/pid; exec sleep 600" & while [ ! -s /workspace/pid ]; do :; done; echo first > /dev/stdout',
        two: '#!/bin/sh\ngrep -q "State:.[^Z]" /proc/$(cat /workspace/pid)/status 2>/dev/null && echo alive || echo gone',
      }),
    );
    expect(pod.status?.phase).toBe('Succeeded');
    expect(await logOf('daemon', 'step-one')).toBe('first\n');
    expect(await logOf('daemon', 'step-two')).toBe('gone\n');
  });

  it('names an image it cannot have', async () => {
    await start(driver);
    const pod = stepPod('image', { one: '#!/bin/sh\ntrue' });
    pod.spec!.containers[0]!.image = 'registry.example/some/thing:1';
    expect((await run(pod)).status?.phase).toBe('Failed');
  });
});

it('keeps no timers for processes that have ended', async () => {
  await start('process');
  await run(stepPod('short', { one: '#!/bin/sh\necho done' }));
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  for (let index = 0; index < 5; index++)
    await run(stepPod(`short-${index}`, { one: '#!/bin/sh\necho done' }));
  expect(timers()).toBeLessThanOrEqual(before + 2);
});

it('tells that a step took more memory than it may', async (context) => {
  const groups = await ControlGroups.detect('tagboat-unused');
  if (!groups.controllers.includes('memory')) return context.skip('this host lets no control groups be made');
  await start();
  const greedy = stepPod('greedy', {
    one: '#!/bin/sh\nexec dd if=/dev/zero of=/dev/null bs=209715200 count=1',
  });
  greedy.spec!.containers[0]!.resources = { limits: { memory: '40Mi' } };
  const pod = await run(greedy);
  expect(pod.status?.phase).toBe('Failed');
  expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    reason: 'OOMKilled',
  });
});

describe('what is kept', () => {
  const keep = { days: 1, bytes: 2 ** 30 };
  const gone = async (name: string, container: string): Promise<string> => {
    for (;;)
      try {
        await logOf(name, container);
        await new Promise((resolve) => setImmediate(resolve));
      } catch (error) {
        return (error as Error).message;
      }
  };

  it('goes by age while the node runs, says so, and what runs and results of open runs stay', async () => {
    const clock = new ManualClock(Date.now());
    await start('process', { clock, retained: { logs: keep, artifacts: keep } });
    await run(stepPod('old', { one: '#!/bin/sh\necho said' }));
    expect(await logOf('old', 'step-one')).toBe('said\n');
    const results = join(home, 'artifacts', 'results');
    const [used, unused] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string];
    await mkdir(results, { recursive: true });
    for (const name of [used, unused]) await writeFile(join(results, name), 'large');
    await store.create<TaskRun>({
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: { name: 'open', namespace: 'demo' },
      spec: { params: [{ name: 'p', value: `tagboat-result://sha256:${used}` }] },
    });
    const busy = stepPod('busy', {
      one: '#!/bin/sh\necho begun; mkfifo /workspace/gate; read line < /workspace/gate',
    });
    await store.create(busy);
    while (!(await logOf('busy', 'step-one').catch(() => '')).includes('begun'))
      await new Promise((resolve) => setImmediate(resolve));
    clock.advance(2 * 86_400_000);
    expect(await gone('old', 'step-one')).toBe(
      'the log of container "step-one" of pod demo/old is no longer kept: logs stay for 1 days and up to 1024 MB',
    );
    expect(await logOf('busy', 'step-one')).toBe('begun\n');
    while ((await readdir(results)).length > 1) await new Promise((resolve) => setImmediate(resolve));
    expect(await readdir(results)).toEqual([used]);
  });
});
