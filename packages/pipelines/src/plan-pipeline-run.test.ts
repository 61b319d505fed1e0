import { describe, expect, it } from 'vitest';
import { created, plan, task, taskRun } from './testing.ts';

const results = (values: Record<string, string | string[]>) => taskRun('True', { results: values });

describe('planPipelineRun', () => {
  const chain = { tasks: [task('b', { runAfter: ['a'] }), task('a'), task('c')] };

  it('starts together what waits for nothing', () => {
    expect(created(plan(chain))).toEqual(['a', 'c']);
    expect(created(plan(chain, { a: taskRun('True'), c: taskRun('Unknown') }))).toEqual(['b']);
  });

  it('hands results on: whole, by index, by key', () => {
    const spec = {
      tasks: [
        task('a'),
        task('b', {
          params: [
            { name: 'text', value: '$(tasks.a.results.d)!' },
            { name: 'list', value: '$(tasks.a.results.l[*])' },
            { name: 'second', value: "$(tasks.a.results['l'][1])" },
          ],
        }),
      ],
      results: [
        { name: 'out', value: '$(tasks.a.results.d)' },
        { name: 'list', value: '$(tasks.a.results.l[*])' },
      ],
    };
    const a = results({ d: '42', l: ['x', 'y'] });
    expect(plan(spec, { a }).actions[0]).toMatchObject({
      task: { params: [{ value: '42!' }, { value: ['x', 'y'] }, { value: 'y' }] },
    });
    expect(plan(spec, { a, b: taskRun('True') })).toMatchObject({
      done: true,
      results: [
        { name: 'out', value: '42' },
        { name: 'list', value: ['x', 'y'] },
      ],
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

  it('skips what needs results of a guarded task, and what follows that', () => {
    const spec = {
      tasks: [
        task('a', { when: [{ cel: '1 == 2' }] }),
        task('b', { params: [{ name: 'x', value: '$(tasks.a.results.d)' }] }),
        task('c', { runAfter: ['b'] }),
      ],
    };
    expect(plan(spec).skipped.map(({ reason }) => reason)).toEqual([
      'When Expressions evaluated to false',
      'Results were missing',
      'Parent Tasks were skipped',
    ]);
    expect(plan(spec)).toMatchObject({ done: true, condition: { status: 'True', reason: 'Completed' } });
  });

  it('fails validation where a task that succeeded did not give the result', () => {
    const spec = {
      tasks: [task('a'), task('b', { params: [{ name: 'x', value: '$(tasks.a.results.d)' }] })],
    };
    const { condition, done } = plan(spec, { a: taskRun('True') });
    expect(done).toBe(true);
    expect(condition).toMatchObject({ status: 'False', reason: 'PipelineValidationFailed' });
    expect(condition.message).toContain('did not emit the result "d"');
  });

  it('stops after a failure, lets what runs end, then runs finally tasks', () => {
    const spec = {
      ...chain,
      finally: [
        task('f', {
          params: [
            { name: 's', value: '$(tasks.a.status)' },
            { name: 'all', value: '$(tasks.status)' },
            { name: 'r', value: '$(tasks.a.reason)' },
          ],
        }),
      ],
    };
    const stopping = plan(spec, { a: taskRun('False'), c: taskRun('Unknown') });
    expect(stopping.condition.reason).toBe('Running');
    expect(created(stopping)).toEqual([]);
    const final = plan(spec, { a: taskRun('False'), c: taskRun('True') });
    expect(final.actions[0]).toMatchObject({
      task: { name: 'f', params: [{ value: 'Failed' }, { value: 'Failed' }, { value: 'Failed' }] },
    });
    expect(final.skipped).toEqual([{ name: 'b', reason: 'PipelineRun was stopping' }]);
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

  it('goes on after a failure that is to be ignored', () => {
    const spec = { tasks: [task('a', { onError: 'continue' }), task('b', { runAfter: ['a'] })] };
    const ignored = taskRun('False', { reason: 'FailureIgnored' });
    expect(created(plan(spec, { a: ignored }))).toEqual(['b']);
    expect(plan(spec, { a: ignored, b: taskRun('True') }).condition).toMatchObject({
      status: 'True',
      message: 'Tasks Completed: 2 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 0',
    });
  });

  it('names the tasks of a circle', () => {
    const circle = { tasks: [task('a', { runAfter: ['b'] }), task('b', { runAfter: ['a'] })] };
    expect(() => plan(circle)).toThrow(/a -> b -> a|b -> a -> b/);
  });
});

describe('stopping', () => {
  const spec = { tasks: [task('a'), task('b', { runAfter: ['a'] })], finally: [task('f')] };
  const going = { a: taskRun('Unknown') };
  const cancelled = (statusMessage: string) =>
    taskRun('False', { reason: 'TaskRunCancelled', statusMessage });
  const byRun = 'TaskRun cancelled as the PipelineRun it belongs to has been cancelled.';
  const byTime = 'TaskRun cancelled as the PipelineRun it belongs to has timed out.';

  it('Cancelled: cancels what runs and is over at once', () => {
    const result = plan(spec, going, { spec: { status: 'Cancelled' } });
    expect(result.actions).toMatchObject([{ kind: 'cancel', message: byRun }]);
    expect(result).toMatchObject({
      done: true,
      condition: { status: 'False', reason: 'Cancelled', message: 'PipelineRun "r" was cancelled' },
    });
  });

  it('CancelledRunFinally: cancels tasks, then runs finally', () => {
    const asked = { spec: { status: 'CancelledRunFinally' as const } };
    const first = plan(spec, going, asked);
    expect(first.actions.map(({ kind }) => kind)).toEqual(['cancel']);
    expect(first.condition.reason).toBe('CancelledRunningFinally');
    const then = plan(spec, { a: cancelled(byRun) }, asked);
    expect(created(then)).toEqual(['f']);
    expect(first.skipped).toEqual([{ name: 'b', reason: 'PipelineRun was gracefully cancelled' }]);
    const end = plan(spec, { a: cancelled(byRun), f: taskRun('True') }, asked);
    expect(end.condition).toMatchObject({ status: 'False', reason: 'Cancelled' });
  });

  it('StoppedRunFinally: lets tasks end, starts no more, runs finally', () => {
    const asked = { spec: { status: 'StoppedRunFinally' as const } };
    expect(plan(spec, going, asked).actions).toEqual([]);
    const then = plan(spec, { a: taskRun('True') }, asked);
    expect(created(then)).toEqual(['f']);
    expect(then.condition.reason).toBe('StoppedRunningFinally');
    expect(then.skipped).toEqual([{ name: 'b', reason: 'PipelineRun was gracefully stopped' }]);
  });

  it('pipeline timeout: cancels everything and is over', () => {
    const late = plan(spec, going, { spec: { timeouts: { pipeline: '1m' } }, after: 61_000 });
    expect(late.actions).toMatchObject([{ kind: 'cancel', message: byTime }]);
    expect(late.condition).toMatchObject({
      reason: 'PipelineRunTimeout',
      message: 'PipelineRun "r" failed to finish within "1m0s"',
    });
    expect(plan(spec, going, { spec: { timeouts: { pipeline: '1m' } }, after: 20_000 }).again).toBe(41_000);
  });

  it('tasks timeout: cancels tasks, runs finally, then fails', () => {
    const timeouts = { spec: { timeouts: { pipeline: '2m', tasks: '1m' } }, after: 61_000 };
    expect(plan(spec, going, timeouts)).toMatchObject({
      actions: [{ kind: 'cancel', message: byTime }],
      condition: { reason: 'PipelineRunTimeoutRunningFinally' },
    });
    const then = plan(spec, { a: cancelled(byTime) }, timeouts);
    expect(created(then)).toEqual(['f']);
    const end = plan(spec, { a: cancelled(byTime), f: taskRun('True') }, timeouts);
    expect(end).toMatchObject({
      done: true,
      condition: {
        reason: 'PipelineRunTimeout',
        message: 'PipelineRun "r" failed due to tasks failed to finish within "1m0s"',
      },
    });
  });

  it('finally may run past the limit for tasks', () => {
    const timeouts = { spec: { timeouts: { pipeline: '2m', tasks: '1m' } }, after: 61_000 };
    const end = plan(spec, { a: taskRun('True'), b: taskRun('True'), f: taskRun('True') }, timeouts);
    expect(end.condition).toMatchObject({ status: 'True', reason: 'Succeeded' });
  });

  it('finally timeout: cancels finally tasks', () => {
    const status = { finallyStartTime: '2026-01-01T00:00:10Z' };
    const spec2 = { timeouts: { pipeline: '10m', finally: '20s' } };
    const done = { a: taskRun('True'), b: taskRun('True') };
    const late = plan(spec, { ...done, f: taskRun('Unknown') }, { spec: spec2, status, after: 31_000 });
    expect(late.actions).toMatchObject([{ kind: 'cancel', message: byTime }]);
    const end = plan(spec, { ...done, f: cancelled(byTime) }, { spec: spec2, status, after: 31_000 });
    expect(end.condition).toMatchObject({ status: 'False', reason: 'Failed' });
  });
});

describe('matrix', () => {
  const matrix = { params: [{ name: 'os', value: ['linux', 'mac'] }] };

  it('is over when all its runs are, and its results are lists', () => {
    const spec = {
      tasks: [
        task('m', { matrix }),
        task('n', {
          params: [
            { name: 'urls', value: '$(tasks.m.results.url[*])' },
            { name: 'count', value: '$(tasks.m.matrix.length) $(tasks.m.matrix.url.length)' },
          ],
        }),
      ],
    };
    expect(created(plan(spec, { m: [results({ url: 'a' }), taskRun('Unknown')] }))).toEqual([]);
    const next = plan(spec, { m: [results({ url: 'a' }), results({ url: 'b' })] });
    expect(next.actions[0]).toMatchObject({ task: { params: [{ value: ['a', 'b'] }, { value: '2 2' }] } });
  });

  it('of nothing is skipped', () => {
    const spec = { tasks: [task('m', { matrix: { params: [{ name: 'os', value: [] }] } })] };
    expect(plan(spec).skipped).toEqual([{ name: 'm', reason: 'Matrix Parameters have an empty array' }]);
  });
});
