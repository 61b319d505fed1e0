import type { ParamValue, PipelineRun, PipelineSpec, PipelineTask } from '@tagboat/api';
import {
  firstOf,
  hiding,
  type Lookup,
  lookupIn,
  paramVariables,
  substitute,
  substituteValue,
} from './substitute.ts';
import { substituteTask } from './substitute-task.ts';

/** The pipeline with everything replaced that is known before it starts: params, context, bound workspaces. */
export function applyRun(spec: PipelineSpec, run: PipelineRun, pipeline: string): PipelineSpec {
  const lookup = runLookup(spec, run, pipeline);
  const runParams = paramVariables(spec.params, run.spec?.params);
  const apply = (tasks: readonly PipelineTask[]) => tasks.map((task) => applyTask(task, lookup, runParams));
  return {
    ...spec,
    tasks: apply(spec.tasks),
    ...(spec.finally ? { finally: apply(spec.finally) } : {}),
  };
}

function applyTask(
  task: PipelineTask,
  lookup: Lookup,
  runParams: ReadonlyMap<string, ParamValue>,
): PipelineTask {
  const own = firstOf(lookupIn(taskContext(task)), lookup);
  const { taskSpec, displayName, ...rest } = task;
  const applied = substituteTask(rest as PipelineTask, own);
  const perCombination = hiding(own, matrixParams(task));
  const include = task.matrix?.include?.map((item, index) => ({
    ...applied.matrix!.include![index]!,
    ...(item.name === undefined ? {} : { name: substitute(item.name, perCombination) }),
  }));
  // An inline spec sees the task's own params in place of the run's of the same name.
  const inner = firstOf(lookupIn(ownParams(applied, runParams)), perCombination);
  return {
    ...applied,
    ...(include ? { matrix: { ...applied.matrix, include } } : {}),
    ...(displayName === undefined ? {} : { displayName: substitute(displayName, perCombination) }),
    // What the run gives comes before a default of the inline spec (Tekton docs, "Scope and precedence").
    ...(taskSpec ? { taskSpec: substitute(taskSpec, inner) } : {}),
  };
}

/** Names and inline steps of a matrixed task use the params of each combination. */
const matrixParams = (task: PipelineTask) => [
  ...(task.matrix?.params ?? []),
  ...(task.matrix?.include ?? []).flatMap(({ params }) => params ?? []),
];

/** The run's params, context and workspaces, for everything that its pipeline says. */
function runLookup(spec: PipelineSpec, run: PipelineRun, pipeline: string): Lookup {
  const context = new Map<string, ParamValue>([
    ['context.pipelineRun.name', run.metadata.name],
    ['context.pipelineRun.namespace', run.metadata.namespace ?? ''],
    ['context.pipelineRun.uid', run.metadata.uid ?? ''],
    ['context.pipeline.name', pipeline],
  ]);
  for (const { name } of spec.workspaces ?? []) context.set(`workspaces.${name}.bound`, 'false');
  for (const { name } of run.spec?.workspaces ?? []) context.set(`workspaces.${name}.bound`, 'true');
  const params = paramVariables(spec.params, run.spec?.params);
  const lookup = lookupIn(context);
  for (const [name, value] of params) params.set(name, substituteValue(value, lookup));
  return firstOf(lookup, lookupIn(params));
}

const taskContext = (task: PipelineTask) =>
  new Map<string, ParamValue>([['context.pipelineTask.retries', String(task.retries ?? 0)]]);

/** The task's params that hide the run's; an object's other keys stay those of the run. */
function ownParams(task: PipelineTask, runParams: ReadonlyMap<string, ParamValue>): Map<string, ParamValue> {
  const own = new Map<string, ParamValue>();
  for (const { name, value } of task.params ?? []) {
    const before = runParams.get(`params.${name}`);
    if (before === undefined) continue;
    const both = typeof before === 'object' && typeof value === 'object' && !Array.isArray(value);
    own.set(`params.${name}`, both ? { ...(before as Record<string, string>), ...value } : value);
  }
  return own;
}

/** Workspace bindings with the run's params in their names and paths. */
export function applyToBindings(run: PipelineRun): PipelineRun {
  if (!run.spec?.workspaces?.length) return run;
  const lookup = lookupIn(paramVariables([], run.spec.params));
  return { ...run, spec: { ...run.spec, workspaces: substitute(run.spec.workspaces, lookup) } };
}
