import type { Param, ParamValue, PipelineRun, PipelineSpec, PipelineTask, TaskRun } from '@tagboat/api';
import { applyRun } from './apply-run.ts';
import { decodePipelineSpec } from './decode.ts';
import { buildGraph } from './graph.ts';
import { type PipelinePlan, planPipelineRun } from './plan-pipeline-run.ts';
import type { Child, PipelineTaskState } from './task-states.ts';

const start = Date.parse('2026-01-01T00:00:00Z');

export const task = (name: string, more: Partial<PipelineTask> = {}): PipelineTask => ({
  name,
  taskSpec: { steps: [{ name: 'run', image: 'sh' }] },
  ...more,
});

export const run = (spec: PipelineRun['spec'] = {}, status: PipelineRun['status'] = {}): PipelineRun => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r', namespace: 'n', uid: 'u' },
  spec,
  status: { startTime: '2026-01-01T00:00:00Z', ...status },
});

interface TaskRunFacts {
  results?: Record<string, ParamValue>;
  reason?: string;
  statusMessage?: string;
  params?: Param[];
}

export function taskRun(state: 'True' | 'False' | 'Unknown', facts: TaskRunFacts = {}): TaskRun {
  const usual = { True: 'Succeeded', False: 'Failed', Unknown: 'Running' }[state];
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 't' },
    spec: {
      ...(facts.statusMessage ? { statusMessage: facts.statusMessage } : {}),
      ...(facts.params ? { params: facts.params } : {}),
    },
    status: {
      conditions: [{ type: 'Succeeded', status: state, reason: facts.reason ?? usual }],
      results: Object.entries(facts.results ?? {}).map(([name, value]) => ({ name, value })),
    },
  };
}

/** Plans one look at a run: what is there of each task, and how many milliseconds after its start. */
export function plan(
  declared: PipelineSpec,
  children: Record<string, TaskRun | TaskRun[]> = {},
  more: { spec?: PipelineRun['spec']; status?: PipelineRun['status']; after?: number } = {},
): PipelinePlan {
  const observed = run(more.spec, more.status);
  const spec = applyRun(decodePipelineSpec(declared), observed, 'p');
  const finals = new Set((spec.finally ?? []).map(({ name }) => name));
  const states = new Map<string, PipelineTaskState>(
    [...spec.tasks, ...(spec.finally ?? [])].map((item) => [
      item.name,
      {
        task: item,
        final: finals.has(item.name),
        children: [children[item.name] ?? []].flat() as Child[],
      },
    ]),
  );
  const graph = buildGraph(spec.tasks);
  return planPipelineRun({ run: observed, spec, graph, states, now: start + (more.after ?? 0) });
}

export const created = (result: PipelinePlan): string[] =>
  result.actions.flatMap((action) => (action.kind === 'create' ? [action.task.name] : []));
