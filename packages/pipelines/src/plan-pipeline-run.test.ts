import type { PipelineRun, PipelineSpec, PipelineTask, TaskRun } from '@tagboat/api';
import { describe, expect, it } from 'vitest';
import { planPipelineRun } from './plan-pipeline-run.ts';

const task = (name: string, more: Partial<PipelineTask> = {}): PipelineTask => ({
  name,
  taskSpec: { steps: [{ name: 'run', image: 'sh' }] },
  ...more,
});

const run = (spec: PipelineRun['spec'] = {}): PipelineRun => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r', namespace: 'n', uid: 'u' },
  spec,
  status: { startTime: '2026-01-01T00:00:00Z' },
});

function taskRun(state: 'True' | 'False' | 'Unknown', results: Record<string, string> = {}): TaskRun {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 't' },
    status: {
      conditions: [{ type: 'Succeeded', status: state, reason: state === 'True' ? 'Succeeded' : 'Failed' }],
      results: Object.entries(results).map(([name, value]) => ({ name, type: 'string' as const, value })),
    },
  };
}

function plan(
  spec: PipelineSpec,
  done: Record<string, TaskRun> = {},
  more: { spec?: PipelineRun['spec']; after?: number } = {},
) {
  return planPipelineRun({
    run: run(more.spec),
    spec,
    taskRuns: new Map(Object.entries(done)),
    now: Date.parse('2026-01-01T00:00:00Z') + (more.after ?? 0),
  });
}

const created = (result: ReturnType<typeof plan>) =>
  result.actions.flatMap((action) => (action.kind === 'create' ? [action.task.name] : []));

describe('planPipelineRun', () => {
  const chain = { tasks: [task('b', { runAfter: ['a'] }), task('a'), task('c')] };

  it('starts together what waits for nothing', () => {
    expect(created(plan(chain))).toEqual(['a', 'c']);
    expect(created(plan(chain, { a: taskRun('True'), c: taskRun('Unknown') }))).toEqual(['b']);
  });

  it('hands results on', () => {
    const spec = {
      tasks: [task('a'), task('b', { params: [{ name: 'x', value: '$(tasks.a.results.d)!' }] })],
      results: [{ name: 'out', value: '$(tasks.a.results.d)' }],
    };
    const next = plan(spec, { a: taskRun('True', { d: '42' }) });
    expect(next.actions[0]).toMatchObject({ task: { params: [{ value: '42!' }] } });
    const end = plan(spec, { a: taskRun('True', { d: '42' }), b: taskRun('True') });
    expect(end).toMatchObject({
      done: true,
      results: [{ name: 'out', value: '42' }],
      condition: { reason: 'Succeeded' },
    });
  });

  it('shows a guarded task as skipped with its expression, and goes on after it', () => {
    const when = [{ input: '$(params.go)', operator: 'in' as const, values: ['yes'] }];
    const spec = {
      params: [{ name: 'go', default: 'no' }],
      tasks: [task('a', { when }), task('b', { runAfter: ['a'] })],
    };
    const result = plan(spec);
    expect(result.skipped).toEqual([
      {
        name: 'a',
        reason: 'When Expressions evaluated to false',
        whenExpressions: [{ input: 'no', operator: 'in', values: ['yes'] }],
      },
    ]);
    expect(created(result)).toEqual(['b']);
    expect(plan(spec, { b: taskRun('True') }).condition.reason).toBe('Completed');
  });

  it('stops after a failure, lets what runs end, then runs finally tasks', () => {
    const spec = {
      ...chain,
      finally: [task('f', { params: [{ name: 's', value: '$(tasks.a.status)' }] })],
    };
    const stopping = plan(spec, { a: taskRun('False'), c: taskRun('Unknown') });
    expect(stopping.condition.reason).toBe('PipelineRunStopping');
    expect(created(stopping)).toEqual([]);
    const final = plan(spec, { a: taskRun('False'), c: taskRun('True') });
    expect(final.actions[0]).toMatchObject({ task: { name: 'f', params: [{ value: 'Failed' }] } });
    const end = plan(spec, { a: taskRun('False'), c: taskRun('True'), f: taskRun('True') });
    expect(end).toMatchObject({
      done: true,
      condition: {
        status: 'False',
        reason: 'Failed',
        message: 'Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 1',
      },
    });
  });

  it('cancels what runs, on request and when the time is over', () => {
    const going = { a: taskRun('Unknown'), c: taskRun('True') };
    const cancelled = plan(chain, going, { spec: { status: 'Cancelled' } });
    expect(cancelled.actions.map((action) => action.kind)).toEqual(['cancel']);
    const late = plan(chain, going, { spec: { timeouts: { pipeline: '1m' } }, after: 61_000 });
    expect(late.actions.map((action) => action.kind)).toEqual(['cancel']);
    expect(plan(chain, going, { spec: { timeouts: { pipeline: '1m' } }, after: 20_000 }).again).toBe(40_000);
  });

  it('names the tasks of a circle', () => {
    const circle = { tasks: [task('a', { runAfter: ['b'] }), task('b', { runAfter: ['a'] })] };
    expect(() => plan(circle)).toThrow(/a -> b -> a|b -> a -> b/);
  });
});
