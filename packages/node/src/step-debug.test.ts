import { atBreakpoint, type Pod, type PodStep, podStepsAnnotation, type RunResult } from '@tagboat/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PodWorld, phaseIs } from './pods.testing.ts';

let world: PodWorld;
beforeEach(async () => {
  world = await PodWorld.make();
});
afterEach(() => world[Symbol.asyncDispose]());

/** Creates the pod of a task whose steps are scripts. */
async function create(
  scripts: Record<string, string>,
  { image = 'bash', ...more }: Partial<PodStep> & { image?: string },
): Promise<void> {
  const names = Object.keys(scripts);
  const steps = names.map((name) => ({ container: name, script: `#!/bin/sh\n${scripts[name]}`, ...more }));
  const volumes = ['results', 'steps', 'run', 'debug-scripts', 'debug-info'];
  await world.store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'n',
      annotations: {
        [podStepsAnnotation]: JSON.stringify({ steps, results: [{ name: 'out', type: 'string' }] }),
      },
    },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: names.map((name, index) => ({
        name,
        image,
        volumeMounts: [
          { name: 'results', mountPath: '/tekton/results' },
          { name: 'steps', mountPath: '/tekton/steps', readOnly: true },
          { name: 'run', mountPath: '/tekton/run', readOnly: true },
          { name: 'run', mountPath: `/tekton/run/${index}`, subPath: String(index) },
          {
            name: 'debug-scripts',
            mountPath: '/tekton/debug/scripts',
            subPath: String(index),
            readOnly: true,
          },
          { name: 'debug-info', mountPath: `/tekton/debug/info/${index}` },
        ],
      })),
      volumes: volumes.map((name) => ({ name, emptyDir: {} })),
    },
  });
}

const breakpoint = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === atBreakpoint);
const waits = (container: string) => (pod: Pod) =>
  breakpoint(pod)?.status === 'True' && (breakpoint(pod)?.message ?? '').startsWith(`"${container}" `);
const script = (name: string) => `/tekton/debug/scripts/debug-${name}`;
const endOf = (pod: Pod, name: string) =>
  pod.status?.containerStatuses?.find((status) => status.name === name)?.state?.terminated;
const valuesOf = (pod: Pod, name: string) =>
  (JSON.parse(endOf(pod, name)?.message ?? '[]') as RunResult[]).map(({ key, value }) => `${key}=${value}`);

describe.each([['process'], [undefined]] as const)(
  'a step with breakpoints, with the driver %s',
  (driver) => {
    const onFailure = { breakpoints: { onFailure: true } } as const;

    it('waits when it has failed, whatever its onError, until somebody says that it succeeded', async () => {
      await world.start(driver);
      await create(
        { a: 'echo seen; exit 3', b: 'cat /tekton/steps/a/exitCode' },
        { ...onFailure, onError: 'continue' },
      );
      const waiting = await world.until(waits('a'));
      expect(breakpoint(waiting)).toMatchObject({ reason: 'OnFailure' });
      expect(breakpoint(waiting)?.message).toContain('with exit code 3 and waits at its breakpoint');
      expect(breakpoint(waiting)?.message).toContain('kubectl exec -it p -n n -c a -- sh');
      expect(waiting.status?.phase).toBe('Running');
      expect(waiting.status?.containerStatuses?.[0]?.state).toHaveProperty('running');
      await world.exec('a', 'sh', '-c', 'echo mended > /tekton/results/out');
      await world.exec('a', script('continue'));
      const ended = await world.until(phaseIs('Succeeded'));
      expect(endOf(ended, 'a')).toMatchObject({ exitCode: 0, reason: 'Completed' });
      expect(valuesOf(ended, 'a')).toContain('out=mended\n');
      expect(breakpoint(ended)).toMatchObject({ status: 'False', reason: 'GoesOn' });
      expect(await world.logOf('a')).toMatch(
        /^seen\ndebug onFailure breakpoint has taken effect, waiting for/,
      );
      expect(await world.logOf('b')).toBe('0\n');
    });

    it('fails where somebody says so, and the steps after it run and may wait too', async () => {
      await world.start(driver);
      await create({ a: 'echo my words; exit 3', b: 'exit 4', c: 'echo on' }, onFailure);
      await world.until(waits('a'));
      await world.exec('a', script('fail-continue'));
      await world.until(waits('b'));
      await world.exec('b', 'sh', '-c', `echo 7 > $0`, '/tekton/run/1/out.breakpointexit');
      const ended = await world.until(phaseIs('Failed'));
      expect(endOf(ended, 'a')).toMatchObject({ exitCode: 1, reason: 'Error' });
      expect(endOf(ended, 'b')).toMatchObject({ exitCode: 7 });
      expect(endOf(ended, 'c')).toMatchObject({ exitCode: 0 });
      expect(ended.status?.message).toBe('my words');
      expect(await world.logOf('c')).toBe('on\n');
    });

    it('waits before it begins, and its time runs from when it goes on', async () => {
      await world.start(driver);
      const beforeStep = {
        breakpoints: { beforeStep: true, onFailure: true },
        timeoutMilliseconds: 1,
      } as const;
      await create({ a: 'exec sleep 600', b: 'echo on' }, beforeStep);
      expect(breakpoint(await world.until(waits('a')))).toMatchObject({ reason: 'BeforeStep' });
      await world.exec('a', script('beforestep-continue'));
      await world.until(waits('b'));
      await world.exec('b', script('beforestep-fail-continue'));
      const ended = await world.until(phaseIs('Failed'));
      expect(valuesOf(ended, 'a')).toContain('Reason=TimeoutExceeded');
      expect(ended.status?.message).toBe('the step timed out');
      expect(endOf(ended, 'b')).toMatchObject({ exitCode: 1 });
      expect(await world.logOf('b')).toMatch(/Skipping execute step script because .* fail-continue\n$/);
    });

    it('starts over after the node’s end, waits again, and ends when its pod is deleted', async () => {
      await world.start(driver);
      await create({ a: 'exit 3' }, onFailure);
      await world.until(waits('a'));
      await world.end();
      await world.start(driver);
      await world.until((pod) => breakpoint(pod)?.status === 'False');
      await world.until(waits('a'));
      await world.removed();
      expect(await world.store.get(world.key)).toBeUndefined();
    });
  },
);

it('says that breakpoints need a shell, where an image has none', async (context) => {
  await world.start();
  await create({ a: 'exit 3' }, { image: 'own/empty', breakpoints: { onFailure: true } });
  const pod = await world.until((found) => phaseIs('Failed')(found) || waits('a')(found));
  if (waits('a')(pod)) return context.skip('a plain process has the shell of the host');
  const { status } = pod;
  expect(status).toMatchObject({ reason: 'ContainerCannotRun' });
  expect(status?.message).toContain(
    'a has breakpoints, which need a shell in its image: own/empty has no /bin/sh',
  );
});
