import type {
  Condition,
  KubernetesObject,
  PipelineRun,
  PipelineSpec,
  PipelineTask,
  SkippedTask,
  TaskRun,
  WhenExpression,
} from '@tagboat/api';
import { failureText, findCondition } from '@tagboat/api';
import { type TaskTimes, taskTimes } from '@tagboat/render/run-times';
import type { StatusName } from '../components/status.tsx';

/** What a task of a pipeline became: a TaskRun, a nested PipelineRun, or a CustomRun of another controller. */
export type Child = KubernetesObject<
  unknown,
  {
    startTime?: string;
    completionTime?: string;
    conditions?: Condition[];
    annotations?: Record<string, string>;
    /** To the millisecond, where that is recorded. */
    timing?: { startedAt?: string; completedAt?: string };
  }
>;

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
  /** The TaskRuns, nested PipelineRuns and CustomRuns that it became. */
  readonly children: readonly Child[];
  /** Of a run that is over: how it spent its time. */
  readonly times?: TaskTimes;
  /** Of a run that is over: it decided how long that took. */
  readonly critical: boolean;
  readonly task: PipelineTask;
}

export interface RunView {
  readonly run: PipelineRun;
  readonly children: readonly Child[];
}

/** The tasks of a pipeline in the order of its file, with the states of a run. */
export function taskNodes(pipeline: PipelineSpec, run?: RunView): TaskNode[] {
  const byTask = Map.groupBy(
    run?.children ?? [],
    ({ metadata }) => metadata.labels?.['tekton.dev/pipelineTask'] ?? '',
  );
  const all = [
    ...(pipeline.tasks ?? []).map((task) => ({ task, final: false })),
    ...(pipeline.finally ?? []).map((task) => ({ task, final: true })),
  ];
  const names = new Set(all.map(({ task }) => task.name));
  const times = new Map((run ? taskTimes(run.run) : []).map((item) => [item.task, item]));
  return all.map(({ task, final }): TaskNode => {
    const children = byTask.get(task.name) ?? [];
    const own = times.get(task.name);
    return {
      name: task.name,
      title: task.displayName || task.name,
      after: dependenciesOf(task).filter((name) => names.has(name) && name !== task.name),
      final,
      task,
      taskRuns: children.filter(({ kind }) => kind === 'TaskRun') as TaskRun[],
      children,
      ...(own ? { times: own } : {}),
      critical: own?.critical ?? false,
      ...stateOf(task, children, run),
    };
  });
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

function stateOf(task: PipelineTask, children: readonly Child[], view: RunView | undefined): NodeState {
  const { skippedTasks, completionTime } = view?.run.status ?? {};
  const skipped = skippedTasks?.find(({ name }) => name === task.name);
  if (skipped && children.length === 0)
    return { status: 'skipped', reused: false, reason: skipReason(skipped) };
  if (children.length === 0) return { status: completionTime ? 'skipped' : 'pending', reused: false };
  const status = worst(children.map(childState));
  const failed = children.find((item) => childState(item) === 'failed');
  const message = failed && failureText(failed);
  const times = (of: (state: Child['status']) => string | undefined) =>
    children.flatMap(({ status: state }) => of(state) ?? []).sort();
  const started = times((state) => state?.timing?.startedAt ?? state?.startTime)[0];
  const done = times((state) => state?.completionTime && (state.timing?.completedAt ?? state.completionTime));
  const completed = done.length === children.length ? done.at(-1) : undefined;
  const reused = status === 'succeeded' && children.every(isReused);
  return {
    status: reused ? 'reused' : status,
    reused,
    ...(message ? { reason: message } : {}),
    ...(started ? { started } : {}),
    ...(completed ? { completed } : {}),
  };
}

/** Whether a task's outcome was taken from an earlier one. */
export function isReused(run: Child): boolean {
  const { results, annotations } = (run.status ?? {}) as {
    results?: { name: string; value: unknown }[];
    annotations?: Record<string, string>;
  };
  if (annotations?.['tagboat.dev/taken-from'] ?? run.metadata.annotations?.['tagboat.dev/taken-from'])
    return true;
  return results?.some(({ name, value }) => name === 'reused' && value === 'true') ?? false;
}

export function childState(run: Child): StatusName {
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
