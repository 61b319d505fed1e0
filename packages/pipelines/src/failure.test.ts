import { failureAnnotation, type TaskRun, type TaskRunStatus } from '@tagboat/api';
import { expect, test } from 'vitest';
import { cancelledByTimeout } from './task-states.ts';
import { plan, task, taskRun } from './testing.ts';

const failed = (words: string, more: Partial<TaskRunStatus> = {}): TaskRun => {
  const run = taskRun('False');
  return { ...run, status: { ...run.status, annotations: { [failureAnnotation]: words }, ...more } };
};
const steps = (name: string): Partial<TaskRunStatus> => ({
  steps: [{ name, container: `step-${name}`, terminated: { exitCode: 1, reason: 'Error' } }],
});

test('the task, its step where that has another name, and the step’s own words', () => {
  const spec = { tasks: [task('train')] };
  expect(plan(spec, { train: failed('error: no such file', steps('train')) }).failure).toBe(
    'train: no such file',
  );
  expect(plan(spec, { train: failed('KeyError: 3', steps('fit')) }).failure).toBe(
    'train, step fit: KeyError: 3',
  );
  expect(plan(spec, { train: taskRun('True') }).failure).toBeUndefined();
});

test('what failed first is told, and how many more failed', () => {
  const spec = { tasks: [task('a'), task('b'), task('c', { onError: 'continue' })] };
  const { failure } = plan(spec, {
    a: failed('second', { completionTime: '2026-01-01T00:00:05Z' }),
    b: failed('first', { completionTime: '2026-01-01T00:00:04Z' }),
    c: failed('ignored', { completionTime: '2026-01-01T00:00:03Z' }),
  });
  expect(failure).toBe('b: first (1 more task failed)');
});

test('a matrix tells of the combination that failed', () => {
  const spec = { tasks: [task('a', { matrix: { params: [{ name: 'p', value: ['1', '2'] }] } })] };
  expect(plan(spec, { a: [taskRun('True'), failed('p is 2')] }).failure).toBe('a: p is 2');
});

test('what ran when the run was cancelled, or when its time was up', () => {
  const spec = { tasks: [task('a'), task('b'), task('c', { runAfter: ['b'] })] };
  const children = { a: taskRun('True'), b: taskRun('Unknown') };
  expect(plan(spec, children, { spec: { status: 'Cancelled' } }).failure).toBe('cancelled while b ran');
  const late = taskRun('False', { reason: 'TaskRunCancelled', statusMessage: cancelledByTimeout });
  const out = plan(
    spec,
    { a: taskRun('True'), b: late },
    { spec: { timeouts: { tasks: '1s' } }, after: 5000 },
  );
  expect(out.condition.reason).toBe('PipelineRunTimeout');
  expect(out.failure).toBe('its time was up while b ran');
});

test('where nothing ran the condition says it all', () => {
  const spec = { tasks: [task('a'), task('b', { params: [{ name: 'x', value: '$(tasks.a.results.d)' }] })] };
  const { condition, failure } = plan(spec, { a: taskRun('True') });
  expect(condition.message).toContain('did not emit the result');
  expect(failure).toBeUndefined();
});
