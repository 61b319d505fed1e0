import type { PipelineRun } from '@tagboat/api';
import { expect, it } from 'vitest';
import { criticalPathLine, taskTimes } from './run-times.ts';

const task = (name: string) => ({ name });
const run = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r' },
  status: {
    pipelineSpec: { tasks: [task('fetch'), task('lint'), task('skipped')], finally: [task('clean')] },
    timing: {
      criticalPath: ['fetch', 'clean'],
      criticalPathSeconds: 61.2,
      queuedSeconds: 0.4,
      tasks: {
        clean: { waitSeconds: 0.01, runSeconds: 1, overheadSeconds: 0.05 },
        fetch: { waitSeconds: 0.02, runSeconds: 60.1, overheadSeconds: 0.02 },
        lint: { waitSeconds: 0.02, runSeconds: 2, overheadSeconds: 0.02 },
      },
    },
  },
} as unknown as PipelineRun;

it('tells of each task how long it waited and ran, and which decided the time', () => {
  expect(taskTimes(run)).toEqual([
    { task: 'fetch', waited: '20ms', ran: '1m00s', overhead: '20ms', critical: true },
    { task: 'lint', waited: '20ms', ran: '2.0s', overhead: '20ms', critical: false },
    { task: 'clean', waited: '10ms', ran: '1.0s', overhead: '50ms', critical: true },
  ]);
  expect(criticalPathLine(run)).toBe('critical path: fetch → clean, 1m01s; queued 400ms');
});

it('tells a long path by its ends', () => {
  const criticalPath = Array.from({ length: 20 }, (_, index) => `t${index}`);
  const status = { ...run.status, timing: { ...run.status!.timing!, criticalPath } };
  expect(criticalPathLine({ ...run, status })).toBe(
    'critical path: t0 → t1 → t2 → t3 → (12 more) → t16 → t17 → t18 → t19, 1m01s; queued 400ms',
  );
});

it('tells nothing of a run that is not over', () => {
  const open = { ...run, status: {} };
  expect(taskTimes(open)).toEqual([]);
  expect(criticalPathLine(open)).toBeUndefined();
});
