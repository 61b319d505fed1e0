import type { PipelineSpec, PipelineTask, TaskRun } from '@tagboat/api';
import { expect, test } from 'vitest';
import { edgesOf, placeTasks } from './layout.ts';
import { type TaskNode, taskNodes } from './pipeline-graph.ts';

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
const view = (taskRuns: TaskRun[], ended = false, skipped: object[] = []) => ({
  taskRuns,
  ended,
  skipped: skipped as never,
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
  const skipped = [
    {
      name: 'ship',
      reason: 'When Expressions evaluated to false',
      whenExpressions: [{ input: 'no', operator: 'in', values: ['yes'] }],
    },
  ];
  const node = byName(taskNodes(pipeline, view([taskRun('clone', 0, 1)], true, skipped))).get('ship')!;
  expect(node).toMatchObject({ status: 'skipped', reason: 'its condition does not hold: "no" in ("yes")' });
});

test('the critical path is what the end waited for', () => {
  const runs = [
    taskRun('clone', 0, 1),
    taskRun('test', 1, 3),
    taskRun('train', 1, 9),
    taskRun('ship', 9, 10),
  ];
  const critical = taskNodes(pipeline, view(runs)).filter((node) => node.critical);
  expect(critical.map(({ name }) => name)).toEqual(['clone', 'train', 'ship']);
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
