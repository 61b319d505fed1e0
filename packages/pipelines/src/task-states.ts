import {
  type Artifacts,
  type Condition,
  findCondition,
  type KubernetesObject,
  type ParamValue,
  type PipelineTask,
  type TaskRun,
  type TaskRunStatus,
} from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { isMatrixed } from './matrix.ts';

export const cancelledByTimeout = 'TaskRun cancelled as the PipelineRun it belongs to has timed out.';
export const cancelledByRun = 'TaskRun cancelled as the PipelineRun it belongs to has been cancelled.';

/** A TaskRun, PipelineRun or CustomRun that was made for a pipeline task. */
export type Child = KubernetesObject<
  { status?: string; statusMessage?: string; params?: { name: string; value: ParamValue }[] },
  { conditions?: Condition[]; results?: { name: string; value?: ParamValue }[]; artifacts?: Artifacts }
>;

/** One pipeline task with the runs that were made for it. */
export interface PipelineTaskState {
  readonly task: PipelineTask;
  readonly final: boolean;
  readonly children: readonly Child[];
}

export const childKind = (task: PipelineTask): 'TaskRun' | 'PipelineRun' | 'CustomRun' => {
  if (task.pipelineRef || task.pipelineSpec) return 'PipelineRun';
  return isCustom(task) ? 'CustomRun' : 'TaskRun';
};

/** True for a task of a kind that is not Tekton's own. */
export function isCustom({ taskRef, taskSpec }: PipelineTask): boolean {
  const { apiVersion, kind } = taskRef ?? taskSpec ?? {};
  const own = kind === undefined || kind === '' || kind === 'Task';
  const group = apiVersion === undefined || apiVersion.startsWith('tekton.dev/v1');
  return taskRef?.resolver === undefined && !(own && group);
}

const conditionOf = (child: Child) => findCondition(child.status?.conditions, 'Succeeded');
export const hasEnded = (child: Child) => ['True', 'False'].includes(conditionOf(child)?.status ?? '');
const isTrue = (child: Child) => conditionOf(child)?.status === 'True';
const isFalse = (child: Child) => conditionOf(child)?.status === 'False';
const isCancelledChild = (child: Child) =>
  isFalse(child) && /^(TaskRun|CustomRun)?Cancelled$/.test(conditionOf(child)?.reason ?? '');

export const isScheduled = ({ children }: PipelineTaskState) => children.length > 0;
export const hasSucceeded = ({ children }: PipelineTaskState) =>
  children.length > 0 && children.every(isTrue);
export const hasAnyFailed = ({ children }: PipelineTaskState) => children.some(isFalse);
export const hasFailed = ({ children }: PipelineTaskState) =>
  children.some(isFalse) && children.every(hasEnded);
export const isRunning = (state: PipelineTaskState) =>
  isScheduled(state) && !hasSucceeded(state) && !hasFailed(state);
export const wasCancelled = ({ children }: PipelineTaskState) =>
  children.some(isCancelledChild) && children.every(hasEnded);
export const timedOutWithRun = (state: PipelineTaskState) =>
  wasCancelled(state) &&
  state.children.some(
    (child) =>
      isCancelledChild(child) &&
      child.spec?.statusMessage === cancelledByTimeout.replace('TaskRun', child.kind ?? 'TaskRun'),
  );
/** The children that still run, to be cancelled. */
export const runningChildren = ({ children }: PipelineTaskState) =>
  children.filter((child) => !hasEnded(child));

/** `tasks.<name>.reason`: of the first run that did not succeed, else of the first. */
export function reasonOf({ children }: PipelineTaskState): string {
  const shown = children.find((child) => !isTrue(child) && conditionOf(child)) ?? children[0];
  return (shown && conditionOf(shown)?.reason) ?? '';
}

/** A failed task whose `onError` is `continue` stops nothing. */
export const stopsTheRun = (state: PipelineTaskState) =>
  hasFailed(state) && state.task.onError !== 'continue';

/** The results of a task that has ended, by name; those of a matrixed one are lists over its runs. */
export function resultsOfTask(state: PipelineTaskState): Map<string, ParamValue> {
  const results = new Map<string, ParamValue>();
  if (!hasSucceeded(state) && !hasFailed(state)) return results;
  if (!isMatrixed(state.task)) {
    for (const { name, value } of state.children[0]?.status?.results ?? [])
      if (value !== undefined) results.set(name, value);
    return results;
  }
  for (const child of state.children)
    for (const { name, value } of child.status?.results ?? []) {
      if (typeof value !== 'string') continue;
      const list = results.get(name);
      if (Array.isArray(list)) list.push(value);
      else results.set(name, [value]);
    }
  return results;
}

/** `tasks.<name>.results.<result>`, matrix lengths and artifacts of everything that has ended. */
export function outcomeVariables(states: Iterable<PipelineTaskState>): Map<string, ParamValue> {
  const variables = new Map<string, ParamValue>();
  for (const state of states) {
    const { name } = state.task;
    const matrixed = isMatrixed(state.task);
    if (matrixed && isScheduled(state))
      variables.set(`tasks.${name}.matrix.length`, String(state.children.length));
    for (const [result, value] of resultsOfTask(state)) {
      variables.set(`tasks.${name}.results.${result}`, value);
      if (matrixed && Array.isArray(value))
        variables.set(`tasks.${name}.matrix.${result}.length`, String(value.length));
    }
    if (hasSucceeded(state) || hasFailed(state)) addArtifacts(variables, name, state.children as TaskRun[]);
  }
  return variables;
}

function addArtifacts(variables: Map<string, ParamValue>, task: string, runs: readonly TaskRun[]): void {
  for (const list of ['inputs', 'outputs'] as const) {
    const all = runs.flatMap(({ status }) => (status as TaskRunStatus | undefined)?.artifacts?.[list] ?? []);
    for (const [index, artifact] of all.entries()) {
      const text = canonicalJson(artifact.values ?? []);
      variables.set(`tasks.${task}.${list}.${artifact.name}`, text);
      if (index === 0) variables.set(`tasks.${task}.${list}`, text);
    }
  }
}
