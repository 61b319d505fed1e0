import type { PipelineTask } from '@tagboat/api';
import { expect, test } from 'vitest';
import { nodeHeight, nodeWidth, placeTasks } from './layout.ts';
import { taskNodes } from './pipeline-graph.ts';
import { areaSeen, boxAt, boxesIn, boxTowards, edgesIn, holds, sceneOf } from './scene.ts';

/** Twenty layers of ten tasks, each after the one before it in the layer before. */
const width = 10;
const nodes = taskNodes({
  tasks: Array.from({ length: 200 }, (_, index) => ({
    name: `t${index}`,
    taskSpec: { steps: [] },
    ...(index >= width ? { runAfter: [`t${index - width}`] } : {}),
  })) as PipelineTask[],
});
const scene = sceneOf(nodes, placeTasks(nodes, 'LR'), 'LR');
const box = (name: string) => scene.boxes.find(({ task }) => task.name === name)!;
const names = (boxes: readonly { task: { name: string } }[]) => boxes.map(({ task }) => task.name);

test('what is in sight is what the window shows of the graph, and the lines that pass through it', () => {
  const { x, y } = box('t55');
  const look = { x: -x * 0.5, y: -y * 0.5, zoom: 0.5 };
  const area = areaSeen(look, { width: nodeWidth * 0.5, height: nodeHeight * 0.5 });
  expect(area).toEqual({ x, y, width: nodeWidth, height: nodeHeight });
  expect(names(boxesIn(scene, area))).toEqual(['t55']);
  expect(edgesIn(scene, area).map(({ from, to }) => [from, to])).toEqual([
    [box('t45'), box('t55')],
    [box('t55'), box('t65')],
  ]);
  const all = boxesIn(scene, scene.bounds);
  expect(all).toHaveLength(200);
  expect(
    holds(areaSeen(look, { width: 100, height: 100 }, 50), areaSeen(look, { width: 100, height: 100 })),
  ).toBe(true);
});

test('a click finds the box that it meets, and nothing between boxes', () => {
  const { x, y } = box('t123');
  expect(boxAt(scene, { x: x + 5, y: y + 5 })?.task.name).toBe('t123');
  expect(boxAt(scene, { x: x + nodeWidth + 5, y: y + 5 })).toBeUndefined();
});

test('arrow keys reach every task, and end at the border', () => {
  const reached = new Set(['t0']);
  const open = [box('t0')];
  for (const from of open)
    for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) {
      const next = boxTowards(scene, from, key);
      if (next && !reached.has(next.task.name)) {
        reached.add(next.task.name);
        open.push(next);
      }
    }
  expect(reached.size).toBe(200);
  expect(boxTowards(scene, box('t55'), 'ArrowRight')?.task.name).toBe('t65');
  expect(boxTowards(scene, box('t55'), 'ArrowLeft')?.task.name).toBe('t45');
  expect(boxTowards(scene, box('t5'), 'ArrowLeft')).toBeUndefined();
  expect(boxTowards(scene, box('t5'), 'Enter')).toBeUndefined();
});
