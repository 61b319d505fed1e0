import { findCondition, keyOf, kinds, type PipelineRun, type PipelineTask, type TaskRun } from '@tagboat/api';
import type { Engine } from '@tagboat/server';

const namespace = 'default';
const noop = { image: 'alpine', script: '#!/bin/sh\n:\n' };

/** So many steps that do nothing, in one task. */
export const noSteps = (count: number) => ({
  steps: Array.from({ length: count }, (_, index) => ({ name: `s${index}`, ...noop })),
});

/** Task names with what each runs after: both the engine's and the other tools' graphs come of it. */
export type Graph = readonly { readonly name: string; readonly after: readonly string[] }[];

export const parallel = (count: number): Graph =>
  Array.from({ length: count }, (_, index) => ({ name: `t${index}`, after: [] }));

export const chain = (count: number): Graph =>
  Array.from({ length: count }, (_, index) => ({
    name: `t${index}`,
    after: index === 0 ? [] : [`t${index - 1}`],
  }));

/** Layers, in which each task runs after three of the layer before. */
export const layered = (layers: number, width: number): Graph =>
  Array.from({ length: layers * width }, (_, index) => {
    const layer = Math.floor(index / width);
    const before = (shift: number) => `t${(layer - 1) * width + ((index + shift) % width)}`;
    return { name: `t${index}`, after: layer === 0 ? [] : [before(0), before(1), before(width - 1)] };
  });

export const tasksOf = (graph: Graph): PipelineTask[] =>
  graph.map(({ name, after }) => ({
    name,
    ...(after.length > 0 ? { runAfter: [...after] } : {}),
    taskSpec: noSteps(1),
  })) as PipelineTask[];

/** Runs steps in one TaskRun. @returns milliseconds from its creation to its end as a watcher sees it */
export async function timeTaskRun(engine: Engine, steps: number): Promise<number> {
  const start = performance.now();
  await ended(
    engine,
    (await engine.store.create({
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: { generateName: 'bench-', namespace },
      spec: { taskSpec: noSteps(steps) },
    } as never)) as TaskRun,
  );
  return performance.now() - start;
}

export async function timePipelineRun(engine: Engine, graph: Graph): Promise<number> {
  const start = performance.now();
  await ended(engine, await createRun(engine, graph));
  return performance.now() - start;
}

export const createRun = async (
  engine: Engine,
  graph: Graph,
  annotations: Record<string, string> = {},
): Promise<PipelineRun> =>
  (await engine.store.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'bench-', namespace, annotations },
    spec: { pipelineSpec: { tasks: tasksOf(graph) } },
  } as never)) as PipelineRun;

/** @throws where the run does not succeed */
export async function ended(engine: Engine, run: TaskRun | PipelineRun): Promise<void> {
  const type = kinds[run.kind as 'TaskRun' | 'PipelineRun'];
  const query = { namespace, name: keyOf(type, run).name };
  const signal = AbortSignal.timeout(600_000);
  const from = run.metadata.resourceVersion!;
  for await (const { object } of engine.store.watch<TaskRun | PipelineRun>(type, query, { from, signal })) {
    const condition = findCondition(object.status?.conditions, 'Succeeded');
    if (condition?.status === 'True') return;
    if (condition?.status === 'False') throw new Error(`${condition.reason}: ${condition.message}`);
  }
}
