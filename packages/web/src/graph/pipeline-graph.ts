import type { PipelineSpec, PipelineTask, SkippedTask, TaskRun, WhenExpression } from '@tagboat/api';
import { findCondition } from '@tagboat/api';
import type { StatusName } from '../components/status.tsx';

/** One task of a pipeline as a graph shows it, with what a run made of it. */
export interface TaskNode {
  readonly name: string;
  readonly title: string;
  /** Names of the tasks it waits for. */
  readonly after: readonly string[];
  readonly final: boolean;
  readonly status: StatusName;
  /** Why it was skipped, or what went wrong. */
  readonly reason?: string;
  readonly reused: boolean;
  readonly started?: string;
  readonly completed?: string;
  /** More than one for a matrix; the newest attempt of each. */
  readonly taskRuns: readonly TaskRun[];
  readonly critical: boolean;
  readonly task: PipelineTask;
}

export interface RunView {
  readonly taskRuns: readonly TaskRun[];
  readonly skipped: readonly SkippedTask[];
  /** The run has ended, so what did not start will not. */
  readonly ended: boolean;
}

/** The tasks of a pipeline in the order of its file, with the states of a run. */
export function taskNodes(pipeline: PipelineSpec, run?: RunView): TaskNode[] {
  const byTask = Map.groupBy(
    run?.taskRuns ?? [],
    ({ metadata }) => metadata.labels?.['tekton.dev/pipelineTask'] ?? '',
  );
  const all = [
    ...(pipeline.tasks ?? []).map((task) => ({ task, final: false })),
    ...(pipeline.finally ?? []).map((task) => ({ task, final: true })),
  ];
  const names = new Set(all.map(({ task }) => task.name));
  const nodes = all.map(({ task, final }): TaskNode => {
    const taskRuns = byTask.get(task.name) ?? [];
    return {
      name: task.name,
      title: task.displayName || task.name,
      after: dependenciesOf(task).filter((name) => names.has(name) && name !== task.name),
      final,
      task,
      taskRuns,
      critical: false,
      ...stateOf(task, taskRuns, run),
    };
  });
  const critical = run ? criticalPath(nodes) : new Set<string>();
  return nodes.map((node) => ({ ...node, critical: critical.has(node.name) }));
}

/** What a task waits for: `runAfter`, and every task whose results or outputs it uses. */
export function dependenciesOf(task: PipelineTask): string[] {
  const used = JSON.stringify([task.params, task.when, task.matrix, task.taskRef?.params]) ?? '';
  const results = [...used.matchAll(/\$\((?:tasks)\.([^.)\s]+)\.(?:results|outputs)/g)].map(
    (match) => match[1]!,
  );
  return [...new Set([...(task.runAfter ?? []), ...results])];
}

type NodeState = Pick<TaskNode, 'status' | 'reason' | 'reused' | 'started' | 'completed'>;

function stateOf(task: PipelineTask, taskRuns: readonly TaskRun[], run: RunView | undefined): NodeState {
  const skipped = run?.skipped.find(({ name }) => name === task.name);
  if (skipped && taskRuns.length === 0)
    return { status: 'skipped', reused: false, reason: skipReason(skipped) };
  if (taskRuns.length === 0) return { status: run?.ended ? 'skipped' : 'pending', reused: false };
  const states = taskRuns.map(taskRunState);
  const status = worst(states);
  const failed = taskRuns.find((item) => taskRunState(item) === 'failed');
  const message = failed && findCondition(failed.status?.conditions, 'Succeeded')?.message;
  const times = (field: 'startTime' | 'completionTime') =>
    taskRuns.flatMap(({ status: state }) => (state?.[field] ? [state[field]] : [])).sort();
  const started = times('startTime')[0];
  const done = times('completionTime');
  const completed = done.length === taskRuns.length ? done.at(-1) : undefined;
  const reused = status === 'succeeded' && taskRuns.every(isReused);
  return {
    status: reused ? 'reused' : status,
    reused,
    ...(message ? { reason: message } : {}),
    ...(started ? { started } : {}),
    ...(completed ? { completed } : {}),
  };
}

/** Whether a task's outcome was taken from an earlier one. */
export function isReused(run: TaskRun): boolean {
  const { results, annotations } = (run.status ?? {}) as {
    results?: { name: string; value: unknown }[];
    annotations?: Record<string, string>;
  };
  if (annotations?.['tagboat.dev/taken-from'] ?? run.metadata.annotations?.['tagboat.dev/taken-from'])
    return true;
  return results?.some(({ name, value }) => name === 'reused' && value === 'true') ?? false;
}

export function taskRunState(run: TaskRun): StatusName {
  const condition = findCondition(run.status?.conditions, 'Succeeded');
  if (condition?.status === 'True') return 'succeeded';
  if (condition?.status === 'False') return /cancel/i.test(condition.reason ?? '') ? 'cancelled' : 'failed';
  return run.status?.startTime ? 'running' : 'pending';
}

const order: readonly StatusName[] = ['failed', 'running', 'cancelled', 'pending', 'succeeded'];

const worst = (states: readonly StatusName[]): StatusName =>
  order.find((status) => states.includes(status)) ?? 'pending';

const skipReasons: Readonly<Record<string, string>> = {
  'When Expressions evaluated to false': 'its condition does not hold',
  'Parent Tasks were skipped': 'a task before it was skipped',
  'PipelineRun was stopping': 'a task before it failed',
  'PipelineRun was cancelled': 'the run was cancelled',
  'PipelineRun was gracefully cancelled': 'the run was cancelled',
  'PipelineRun was gracefully stopped': 'the run was stopped',
  'Results were missing': 'a result that it needs was not given',
  'Matrix Parameters have an empty array': 'its matrix is empty',
  'PipelineRun timeout has been reached': 'the run took too long',
  'PipelineRun Tasks timeout has been reached': 'the tasks took too long',
  'PipelineRun Finally timeout has been reached': 'the final tasks took too long',
};

/** Why a task did not run, for people. */
export function skipReason({ reason, whenExpressions }: SkippedTask): string {
  const conditions = (whenExpressions ?? []).map(whenText).join(' and ');
  const words = skipReasons[reason] ?? reason;
  return conditions ? `${words}: ${conditions}` : words;
}

export function whenText({ input, operator, values, cel }: WhenExpression): string {
  if (cel) return cel;
  const list = (values ?? []).map((value) => `"${value}"`).join(', ');
  return `"${input ?? ''}" ${operator === 'notin' ? 'not in' : 'in'} (${list})`;
}

/** The chain of tasks that decided when the run was over: from the last one back over whatever each waited for longest. */
export function criticalPath(nodes: readonly TaskNode[]): Set<string> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const endOf = (node: TaskNode) =>
    node.started ? Date.parse(node.completed ?? '') || Number.POSITIVE_INFINITY : 0;
  const latest = (candidates: readonly TaskNode[]) =>
    candidates
      .filter(({ started }) => started)
      .reduce<TaskNode | undefined>(
        (best, node) => (!best || endOf(node) > endOf(best) ? node : best),
        undefined,
      );
  const path = new Set<string>();
  let at = latest(nodes.filter(({ final }) => !final));
  while (at && !path.has(at.name)) {
    path.add(at.name);
    at = latest(at.after.flatMap((name) => byName.get(name) ?? []));
  }
  return path;
}
