import type { PipelineRun, PipelineSpec, PipelineTask, SkippedTask, TaskRun } from '@tagboat/api';
import { expect, test } from 'vitest';
import { edgesOf, placeTasks } from './layout.ts';
import { type Child, type TaskNode, taskNodes } from './pipeline-graph.ts';

const task = (name: string, more: Partial<PipelineTask> = {}): PipelineTask => ({
  name,
  taskRef: { name },
  ...more,
});

function taskRun(
  name: string,
  from: number,
  to?: number,
  more: { status?: 'True' | 'False'; message?: string; results?: object[] } = {},
): TaskRun {
  const at = (second: number) => new Date(second * 1000).toISOString();
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: `run-${name}`, labels: { 'tekton.dev/pipelineTask': name } },
    status: {
      startTime: at(from),
      ...(to === undefined ? {} : { completionTime: at(to) }),
      ...(to === undefined
        ? {}
        : {
            conditions: [
              {
                type: 'Succeeded',
                status: more.status ?? 'True',
                ...(more.message ? { message: more.message } : {}),
              },
            ],
          }),
      ...(more.results ? { results: more.results as never } : {}),
    },
  };
}

const pipeline: PipelineSpec = {
  tasks: [
    task('clone'),
    task('test', { runAfter: ['clone'] }),
    task('train', { params: [{ name: 'x', value: '$(tasks.clone.results.commit)' }] }),
    task('ship', {
      runAfter: ['test', 'train'],
      when: [{ input: '$(tasks.train.results.ok)', operator: 'in', values: ['yes'] }],
    }),
  ],
  finally: [task('report')],
};
const view = (children: Child[], status: PipelineRun['status'] = {}) => ({
  run: { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', metadata: { name: 'run' }, status },
  children,
});
const byName = (nodes: readonly TaskNode[]) => new Map(nodes.map((node) => [node.name, node]));

test('a task waits for those it names and those whose results it uses', () => {
  const nodes = byName(taskNodes(pipeline));
  expect(nodes.get('train')!.after).toEqual(['clone']);
  expect(nodes.get('ship')!.after).toEqual(['test', 'train']);
  expect(nodes.get('report')!.final).toBe(true);
});

test('states, durations and reuse come from the task runs', () => {
  const runs = [
    taskRun('clone', 0, 1),
    taskRun('test', 1, 3, { status: 'False', message: 'boom' }),
    taskRun('train', 1, 9, { results: [{ name: 'reused', value: 'true' }] }),
  ];
  const nodes = byName(taskNodes(pipeline, view(runs)));
  expect(nodes.get('clone')!.status).toBe('succeeded');
  expect(nodes.get('test')).toMatchObject({ status: 'failed', reason: 'boom' });
  expect(nodes.get('train')).toMatchObject({ status: 'reused', reused: true });
  expect(nodes.get('ship')!.status).toBe('pending');
});

test('a skipped task says why', () => {
  const skippedTasks: SkippedTask[] = [
    {
      name: 'ship',
      reason: 'When Expressions evaluated to false',
      whenExpressions: [{ input: 'no', operator: 'in', values: ['yes'] }],
    },
  ];
  const node = byName(taskNodes(pipeline, view([taskRun('clone', 0, 1)], { skippedTasks }))).get('ship')!;
  expect(node).toMatchObject({ status: 'skipped', reason: 'its condition does not hold: "no" in ("yes")' });
});

test('a run that is over says which tasks decided its time, and how each spent its own', () => {
  const timing = {
    criticalPath: ['clone', 'train'],
    criticalPathSeconds: 9,
    queuedSeconds: 0,
    runSeconds: 8.5,
    tasks: {
      clone: { waitSeconds: 0.02, runSeconds: 1, overheadSeconds: 0 },
      train: { waitSeconds: 0, runSeconds: 7.5, overheadSeconds: 0.5 },
      test: { waitSeconds: 0, runSeconds: 2, overheadSeconds: 0 },
    },
  };
  const runs = [taskRun('clone', 0, 1), taskRun('test', 1, 3), taskRun('train', 1, 9)];
  const nodes = taskNodes(pipeline, view(runs, { pipelineSpec: pipeline, timing }));
  expect(nodes.filter((node) => node.critical).map(({ name }) => name)).toEqual(['clone', 'train']);
  expect(byName(nodes).get('train')!.times).toMatchObject({ waited: '0ms', ran: '7.5s', overhead: '500ms' });
  expect(taskNodes(pipeline, view(runs)).filter((node) => node.critical || node.times)).toEqual([]);
});

test('a nested run and a custom run are what their task came to', () => {
  const child = (kind: string, name: string, status: 'True' | 'False') => ({
    ...taskRun(name, 1, 3, { status, message: 'no quota' }),
    kind,
  });
  const children = [child('PipelineRun', 'test', 'True'), child('CustomRun', 'train', 'False')];
  const nodes = byName(taskNodes(pipeline, view(children, { completionTime: 'now' })));
  expect(nodes.get('test')).toMatchObject({
    status: 'succeeded',
    taskRuns: [],
    children: [{ kind: 'PipelineRun' }],
  });
  expect(nodes.get('train')).toMatchObject({ status: 'failed', reason: 'no quota' });
});

test('lines that others imply are not drawn, and final tasks wait for the ends', () => {
  const nodes = taskNodes({
    tasks: [task('a'), task('b', { runAfter: ['a'] }), task('c', { runAfter: ['a', 'b'] })],
    finally: [task('end')],
  });
  expect(edgesOf(nodes).map(({ from, to }) => `${from}>${to}`)).toEqual(['a>b', 'b>c', 'c>end']);
});

test('500 tasks are placed without overlap, and a circle does not hang', () => {
  const tasks = Array.from({ length: 500 }, (_, index) =>
    task(`t${index}`, index > 0 ? { runAfter: [`t${Math.floor(index / 3)}`] } : {}),
  );
  const places = [...placeTasks(taskNodes({ tasks })).values()].map(({ x, y }) => `${x},${y}`);
  expect(new Set(places).size).toBe(500);
  expect(
    edgesOf(taskNodes({ tasks: [task('a', { runAfter: ['b'] }), task('b', { runAfter: ['a'] })] })).length,
  ).toBe(2);
});

test('many tasks stand in layers, each after all that it waits for, and none upon another', () => {
  const width = 10;
  const many = Array.from({ length: 200 }, (_, index) => {
    const layer = Math.floor(index / width);
    const after =
      layer === 0 ? [] : [0, 3].map((shift) => `t${(layer - 1) * width + ((index + shift) % width)}`);
    return { name: `t${index}`, after, final: false };
  });
  const places = placeTasks([...many, { name: 'end', after: [], final: true }]);
  for (const { name, after } of many)
    for (const other of after) expect(places.get(other)!.x).toBeLessThan(places.get(name)!.x);
  expect(Math.max(...[...places.values()].map(({ x }) => x))).toBe(places.get('end')!.x);
  expect(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(201);
});

test('a circle in a large pipeline is drawn all the same', () => {
  const circle = Array.from({ length: 100 }, (_, index) => ({
    name: `t${index}`,
    after: [`t${(index + 1) % 100}`],
    final: false,
  }));
  expect(placeTasks(circle).size).toBe(100);
});
