import { keyOf, kinds, type TaskRun, type TaskRunSpec } from '@tagboat/api';
import { describe, expect, it } from 'vitest';
import { testEngine } from './test-engine.ts';

// Tekton's docs/debug.md, from the TaskRun to the pod and back.

const tested = testEngine();

const condition = ({ status }: TaskRun) => status?.conditions?.[0];

async function run(name: string, spec: Partial<TaskRunSpec>, annotations = {}): Promise<TaskRun> {
  return tested.engine.store.create<TaskRun>({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name, namespace: 'default', annotations },
    spec: { debug: { breakpoints: { onFailure: 'enabled' } }, ...spec },
  });
}

async function until(run: TaskRun, wanted: (run: TaskRun) => boolean): Promise<TaskRun> {
  const { items, resourceVersion } = await tested.engine.store.list<TaskRun>(kinds.TaskRun);
  const now = items.find(({ metadata }) => metadata.name === run.metadata.name);
  if (now && wanted(now)) return now;
  const events = tested.engine.store.watch<TaskRun>(
    kinds.TaskRun,
    { name: run.metadata.name },
    { from: resourceVersion },
  );
  for await (const { object } of events) if (wanted(object)) return object;
  throw new Error('the watch ended');
}

const waits = (run: TaskRun) => condition(run)?.message?.includes('breakpoint') ?? false;
const over = (run: TaskRun) => run.status?.completionTime !== undefined;

async function exec(run: TaskRun, container: string, command: string[]): Promise<void> {
  const pod = run.status?.podName ?? '';
  const request = { namespace: 'default', pod, container, command, stdin: false, tty: false };
  await using session = await tested.engine.node.access.exec(request);
  expect(await session.exitCode).toBe(0);
}

const failing: Partial<TaskRunSpec> = {
  taskSpec: {
    results: [{ name: 'out' }],
    sidecars: [{ name: 'beside', image: 'alpine', script: 'while :; do sleep 1; done' }],
    steps: [
      { name: 'one', image: 'alpine', script: 'exit 3' },
      { name: 'two', image: 'alpine', script: 'cat $(results.out.path)' },
    ],
  },
};

describe('a TaskRun with breakpoints', { timeout: 60_000 }, () => {
  it('runs on while a step waits, and ends as who got in says', async () => {
    const waiting = await until(await run('mended', failing), waits);
    expect(condition(waiting)).toMatchObject({ status: 'Unknown', reason: 'Running' });
    expect(condition(waiting)?.message).toContain(
      'kubectl exec -it mended-pod -n default -c step-one -- sh; there, to go on: ',
    );
    expect(waiting.status?.steps?.[0]).toHaveProperty('running');
    expect(waiting.status?.sidecars?.[0]).toHaveProperty('running');
    await exec(waiting, 'step-one', ['sh', '-c', 'echo by hand > $0', '/tekton/results/out']);
    await exec(waiting, 'step-one', ['/tekton/debug/scripts/debug-continue']);
    const ended = await until(waiting, over);
    expect(condition(ended)).toMatchObject({
      status: 'True',
      message: 'All Steps have completed executing',
    });
    expect(ended.status?.results).toMatchObject([{ name: 'out', value: 'by hand\n' }]);
  });

  it('is ended by its timeout and by a cancel while a step waits', async () => {
    const late = await run('late', { ...failing, timeout: '3s' });
    expect(condition(await until(late, over))).toMatchObject({ status: 'False', reason: 'TaskRunTimeout' });
    const waiting = await until(await run('stopped', failing), waits);
    await tested.engine.store.update<TaskRun>({
      ...(await tested.engine.store.get<TaskRun>(keyOf(kinds.TaskRun, waiting)))!,
      spec: { ...waiting.spec, status: 'TaskRunCancelled' },
    });
    expect(condition(await until(waiting, over))).toMatchObject({ reason: 'TaskRunCancelled' });
  });

  it('takes no work of before for a step that shall wait', async () => {
    const reuse = { 'tagboat.dev/reuse': 'always' };
    const taskSpec: TaskRunSpec['taskSpec'] = {
      results: [{ name: 'out' }],
      steps: [{ name: 'one', image: 'alpine', script: 'date > $(results.out.path)' }],
    };
    await until(await run('first', { taskSpec, debug: {} }, reuse), over);
    const again = await until(await run('again', { taskSpec, debug: {} }, reuse), over);
    expect(again.status?.annotations).toHaveProperty(['tagboat.dev/reused']);
    const beforeSteps = { breakpoints: { onFailure: 'enabled', beforeSteps: ['one'] } };
    const waiting = await until(await run('debugged', { taskSpec, debug: beforeSteps }, reuse), waits);
    await exec(waiting, 'step-one', ['/tekton/debug/scripts/debug-beforestep-continue']);
    expect(condition(await until(waiting, over))).toMatchObject({ status: 'True' });
  });
});
