import type { PipelineTask } from '@tagboat/api';
import { hiding, type Lookup, substitute } from './substitute.ts';

/** A task with variables replaced; its own inline params hide those of the pipeline. */
export function substituteTask(task: PipelineTask, variables: Lookup): PipelineTask {
  const { taskSpec, pipelineSpec, ...rest } = task;
  return {
    ...substitute(rest, variables),
    ...(taskSpec ? { taskSpec: substitute(taskSpec, hiding(variables, taskSpec.params)) } : {}),
    ...(pipelineSpec ? { pipelineSpec } : {}),
  };
}
