import { findCondition, type ParamValue, type PipelineTask, type TaskRun } from '@tagboat/api';

/** How far one pipeline task is, from its TaskRun alone. */
export type TaskState = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export function stateOf(run: TaskRun | undefined): TaskState {
  if (!run) return 'pending';
  const condition = findCondition(run.status?.conditions, 'Succeeded');
  if (condition?.status === 'True') return 'succeeded';
  if (condition?.status !== 'False') return 'running';
  return condition.reason === 'TaskRunCancelled' ? 'cancelled' : 'failed';
}

/** A failed task whose `onError` is `continue` stops nothing. */
export function blocks(task: PipelineTask, state: TaskState): boolean {
  return state === 'cancelled' || (state === 'failed' && task.onError !== 'continue');
}

/** `tasks.<name>.results.<result>` of everything that has ended. */
export function resultVariables(runs: ReadonlyMap<string, TaskRun>): Map<string, ParamValue> {
  const variables = new Map<string, ParamValue>();
  for (const [name, run] of runs)
    if (stateOf(run) === 'succeeded' || stateOf(run) === 'failed')
      for (const result of run.status?.results ?? [])
        if (result.value !== undefined) variables.set(`tasks.${name}.results.${result.name}`, result.value);
  return variables;
}
