import type { PipelineRun, PipelineRunStatus, RunTiming, StepTiming } from '@tagboat/api';
import { expect, it } from 'vitest';
import type { Child } from './task-states.ts';
import { runTiming } from './timing.ts';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const whole = (seconds: number) => at(Math.floor(seconds)).replace('.000', '');

function child(kind: 'TaskRun' | 'PipelineRun', timing: StepTiming | RunTiming): Child {
  const [start, end] = [timing.startedAt, timing.completedAt].map((text) => Date.parse(text!) / 1000);
  return {
    apiVersion: 'tekton.dev/v1',
    kind,
    metadata: { name: 'child' },
    status: { startTime: whole(start!), completionTime: whole(end!), timing },
  } as Child;
}

const taskRun = (from: number, to: number, overhead = 0) =>
  child('TaskRun', {
    startedAt: at(from),
    finishedAt: at(to - overhead),
    completedAt: at(to),
    runSeconds: to - from - overhead,
  });

const run = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r', creationTimestamp: at(0) },
} as PipelineRun;
const status = (...tasks: object[]) => ({ startTime: at(0), pipelineSpec: { tasks } }) as PipelineRunStatus;

it('tells which tasks decided how long a run took, and how each spent its time', () => {
  const timing = runTiming(
    run,
    status({ name: 'fetch' }, { name: 'lint', runAfter: ['fetch'] }, { name: 'train', runAfter: ['fetch'] }),
    new Map([
      ['fetch', [taskRun(0.25, 1.5)]],
      ['lint', [taskRun(2, 3)]],
      ['train', [taskRun(1.75, 9, 0.5)]],
    ]),
  );
  expect(timing).toEqual({
    criticalPath: ['fetch', 'train'],
    criticalPathSeconds: 8.75,
    queuedSeconds: 0.25,
    startedAt: at(0.25),
    completedAt: at(9),
    runSeconds: 8,
    tasks: {
      fetch: { waitSeconds: 0.25, runSeconds: 1.25, overheadSeconds: 0 },
      lint: { waitSeconds: 0.5, runSeconds: 1, overheadSeconds: 0 },
      train: { waitSeconds: 0.25, runSeconds: 6.75, overheadSeconds: 0.5 },
    },
  });
});

it("counts as a nested run's own time what its critical path spent in steps", () => {
  const inner = runTiming(
    run,
    status({ name: 'one' }, { name: 'two', runAfter: ['one'] }),
    new Map([
      ['one', [taskRun(2.25, 3, 0.25)]],
      ['two', [taskRun(3.5, 4.75)]],
    ]),
  );
  const { tasks, criticalPath } = runTiming(
    run,
    status({ name: 'fetch' }, { name: 'nested', runAfter: ['fetch'] }),
    new Map([
      ['fetch', [taskRun(0, 1.75)]],
      ['nested', [child('PipelineRun', inner)]],
    ]),
  );
  expect(tasks.nested).toEqual({ waitSeconds: 0.5, runSeconds: 1.75, overheadSeconds: 0.75 });
  expect(criticalPath).toEqual(['fetch', 'nested']);
});

it('knows of a task that was stopped how long the step ran that it was stopped in', () => {
  const terminated = { exitCode: 1, reason: 'TaskRunCancelled', startedAt: at(2), finishedAt: at(5) };
  const stopped = {
    kind: 'TaskRun',
    metadata: { name: 'child' },
    status: {
      startTime: at(1),
      completionTime: at(5),
      steps: [
        { name: 'a', container: 'step-a', imageID: 'host:sh', terminated },
        { name: 'b', container: 'step-b', terminated },
      ],
    },
  } as unknown as Child;
  const { tasks } = runTiming(run, status({ name: 'stopped' }), new Map([['stopped', [stopped]]]));
  expect(tasks.stopped).toEqual({ waitSeconds: 1, runSeconds: 3, overheadSeconds: 1 });
});

it('counts the time of what another controller runs as its own', () => {
  const custom = {
    kind: 'CustomRun',
    metadata: { name: 'child' },
    status: { startTime: at(1), completionTime: at(4) },
  } as unknown as Child;
  const { tasks } = runTiming(run, status({ name: 'custom' }), new Map([['custom', [custom]]]));
  expect(tasks.custom).toEqual({ waitSeconds: 1, runSeconds: 3, overheadSeconds: 0 });
});

it('names no times where nothing ran', () => {
  expect(runTiming(run, status({ name: 'skipped' }), new Map())).toEqual({
    criticalPath: [],
    criticalPathSeconds: 0,
    queuedSeconds: 0,
    runSeconds: 0,
    tasks: {},
  });
});
