import { type PipelineRun, type PipelineSpec, typeOfParam } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { buildGraph, resultParentsOf } from './graph.ts';

/** Refuses what Tekton's admission refuses of a pipeline and its run. @throws `Invalid` that names the field. */
export function validatePipeline(spec: PipelineSpec, run: PipelineRun): void {
  if (!Array.isArray(spec.tasks) || spec.tasks.length === 0)
    throw invalid('expected at least one task in spec.tasks, found none');
  buildGraph(spec.tasks);
  const names = new Set(spec.tasks.map((task) => task.name));
  for (const task of spec.finally ?? []) {
    if (names.has(task.name))
      throw invalid(`expected every task to have a name of its own, found "${task.name}" twice`);
    if (task.runAfter?.length)
      throw invalid(`finally task "${task.name}" has runAfter; finally tasks all start together`);
    for (const parent of resultParentsOf(task))
      if (!names.has(parent))
        throw invalid(
          `finally task "${task.name}" uses a result of "${parent}", which is not a task of this pipeline`,
        );
  }
  for (const task of [...spec.tasks, ...(spec.finally ?? [])]) {
    const ways = [task.taskRef, task.taskSpec, task.pipelineSpec, task.pipelineRef].filter(
      (way) => way !== undefined,
    ).length;
    if (ways !== 1)
      throw invalid(`task "${task.name}": expected exactly one of taskRef and taskSpec, found ${ways}`);
    if (task.taskSpec && !task.taskSpec.steps?.length)
      throw invalid(`task "${task.name}": expected at least one step in taskSpec.steps, found none`);
  }
  validateParams(spec, run);
}

function validateParams(spec: PipelineSpec, run: PipelineRun): void {
  const given = new Map((run.spec?.params ?? []).map((param) => [param.name, param.value]));
  for (const { name, type, default: fallback, enum: allowed } of spec.params ?? []) {
    const value = given.get(name) ?? fallback;
    if (value === undefined)
      throw invalid(`expected a value for the param "${name}", found none`, {
        hint: 'give it under spec.params of the run',
      });
    const wanted = type ?? typeOfParam(fallback);
    if (typeOfParam(value) !== wanted)
      throw invalid(`expected the param "${name}" to be of type ${wanted}, found ${typeOfParam(value)}`);
    if (allowed && typeof value === 'string' && !allowed.includes(value))
      throw invalid(`expected the param "${name}" to be one of ${allowed.join(', ')}, found "${value}"`);
  }
}
