import { type PipelineRun, stepsStillRun, type TaskRun } from '@tagboat/api';
import { expect, test } from 'vitest';
import { treeOf } from './run-tree.ts';

const condition = (status: 'True' | 'False' | 'Unknown', message = '') => [
  { type: 'Succeeded', status, reason: 'x', message },
];
const reference = (pipelineTaskName: string, name: string, kind = 'TaskRun') => ({
  apiVersion: 'tekton.dev/v1',
  kind,
  name,
  pipelineTaskName,
});

const run = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r' },
  status: {
    startTime: 'x',
    pipelineSpec: { tasks: [{ name: 'a' }, { name: 'm' }, { name: 'off' }, { name: 'later' }] },
    childReferences: [reference('a', 'r-a'), reference('m', 'r-m-0'), reference('m', 'r-m-1')],
    skippedTasks: [{ name: 'off', reason: 'When Expressions evaluated to false' }],
  },
} as unknown as PipelineRun;

const task = (name: string, status: object) =>
  [name, { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', metadata: { name }, status } as TaskRun] as const;

test('tasks stand in the order of the pipeline, with what there is to say', () => {
  const taskRuns = new Map([
    task('r-a', {
      conditions: condition('True'),
      annotations: { 'tagboat.dev/warnings': 'big' },
    }),
    task('r-m-0', { startTime: 'x', conditions: condition('Unknown') }),
    task('r-m-1', {
      conditions: condition('False', '"step-s" exited with code 3: Error'),
      annotations: { 'tagboat.dev/failure': 'no such file' },
    }),
  ]);
  const lines = treeOf(run, { runs: new Map(), taskRuns });
  expect(lines.map(({ title, state, note }) => [title, state, note])).toEqual([
    ['a', 'done', 'warning: big'],
    ['m #0', 'running', undefined],
    ['m #1', 'failed', 'no such file'],
    ['off', 'skipped', 'When Expressions evaluated to false'],
    ['later', 'waiting', undefined],
  ]);
});

test('a task with a step at a breakpoint says how to get in, and is not running', () => {
  const message =
    '"step-s" failed with exit code 3 and waits at its breakpoint; to get in: kubectl exec; go on';
  const at = (text: string) => [
    { type: 'Succeeded', status: 'Unknown' as const, reason: 'Running', message: text },
  ];
  const lines = (text: string) => {
    const [, run] = task('t', { startTime: 'x', conditions: at(text) });
    return treeOf(run, { runs: new Map(), taskRuns: new Map() });
  };
  expect(lines(message)).toEqual([
    {
      id: 't',
      depth: 0,
      title: 't',
      state: 'paused',
      note: 'waits at a breakpoint',
      below: [
        '"step-s" failed with exit code 3 and waits at its breakpoint',
        'to get in: kubectl exec',
        'go on',
      ],
    },
  ]);
  expect(lines(stepsStillRun)).toEqual([{ id: 't', depth: 0, title: 't', state: 'running' }]);
});
