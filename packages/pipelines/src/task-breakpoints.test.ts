import { atBreakpoint, type Pod, type PodSteps, podStepsAnnotation, type TaskRun } from '@tagboat/api';
import { expect, test } from 'vitest';
import { builtInDefaults } from './config-defaults.ts';
import { stepsNotThere } from './task-breakpoints.ts';
import { podForTaskRun } from './task-pod.ts';
import { outcomeOfPod } from './task-run-status.ts';

const spec = {
  steps: [
    { name: 'a', image: 'x' },
    { name: 'b', image: 'x' },
  ],
};
const taskRun = (debug: NonNullable<TaskRun['spec']>['debug']): TaskRun => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'TaskRun',
  metadata: {
    name: 't',
    namespace: 'n',
    uid: 'u',
    annotations: { 'tagboat.dev/reuse': 'always' },
  },
  spec: { ...(debug ? { debug } : {}) },
});
const podOf = (run: TaskRun) =>
  podForTaskRun({ taskRun: run, spec, attempt: 0, credentials: [], defaults: builtInDefaults });
const planOf = (pod: Pod) => JSON.parse(pod.metadata.annotations![podStepsAnnotation]!) as PodSteps;
const debugMounts = (pod: Pod) =>
  pod.spec!.containers.map(({ volumeMounts }) =>
    (volumeMounts ?? []).map(({ mountPath }) => mountPath).filter((path) => path.includes('debug')),
  );

test('steps wait where the TaskRun says, find what ends that, and are not passed over for work of before', () => {
  const run = taskRun({ breakpoints: { onFailure: 'enabled', beforeSteps: ['b', 'c'] } });
  const pod = podOf(run);
  expect(planOf(pod).steps.map(({ breakpoints }) => breakpoints)).toEqual([
    { onFailure: true },
    { beforeStep: true, onFailure: true },
  ]);
  expect(planOf(pod).reuse).toBeUndefined();
  expect(debugMounts(pod)).toEqual(
    [0, 1].map((index) => ['/tekton/debug/scripts', `/tekton/debug/info/${index}`]),
  );
  expect(stepsNotThere(run, spec)).toEqual(['c']);
});

test('a TaskRun without breakpoints has nothing of them', () => {
  const pod = podOf(taskRun(undefined));
  expect(JSON.stringify(pod)).not.toMatch(/debug|breakpoints/);
  expect(planOf(pod).reuse).toBeDefined();
});

test('a TaskRun whose step waits says so, and its reason stays Running', () => {
  const outcome = (status: 'True' | 'False') => {
    const pod = podOf(taskRun(undefined));
    const conditions = [{ type: atBreakpoint, status, reason: 'x', message: 'come in' }];
    return outcomeOfPod(taskRun(undefined), spec, { ...pod, status: { phase: 'Running', conditions } });
  };
  expect(outcome('True').condition).toMatchObject({
    status: 'Unknown',
    reason: 'Running',
    message: 'come in',
  });
  expect(outcome('False').condition.message).toBe('Not all Steps in the Task have finished executing');
});
