import type {
  Condition,
  ParamValue,
  PipelineRun,
  PipelineSpec,
  PipelineTask,
  SkippedTask,
  TaskRun,
} from '@tagboat/api';
import { formatDuration, parseDuration } from '@tagboat/base';
import { buildGraph, type TaskGraph } from './graph.ts';
import { hiding, type Lookup, lookupIn, paramVariables, referencesIn, substitute } from './substitute.ts';
import { blocks, resultVariables, stateOf, type TaskState } from './task-states.ts';
import { whenHolds } from './when.ts';

export interface ObservedPipelineRun {
  readonly run: PipelineRun;
  readonly spec: PipelineSpec;
  /** By pipeline task name. */
  readonly taskRuns: ReadonlyMap<string, TaskRun>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type PipelineAction =
  | { readonly kind: 'create'; readonly task: PipelineTask; readonly final: boolean }
  | { readonly kind: 'cancel'; readonly taskRun: TaskRun; readonly message: string };

export interface PipelinePlan {
  readonly actions: readonly PipelineAction[];
  readonly condition: Condition;
  readonly skipped: readonly SkippedTask[];
  readonly results: readonly { name: string; value: ParamValue }[];
  readonly finallyStarted: boolean;
  readonly done: boolean;
  /** Look again after so many milliseconds, for the next timeout. */
  readonly again: number | undefined;
}

const defaultTimeout = 3_600_000;
const skipReason = {
  when: 'When Expressions evaluated to false',
  parents: 'Parent Tasks were skipped',
  stopping: 'PipelineRun was stopping',
  cancelled: 'PipelineRun was gracefully cancelled',
  stopped: 'PipelineRun was gracefully stopped',
  results: 'Results were missing',
  timeout: 'PipelineRun timeout has been reached',
  tasksTimeout: 'PipelineRun Tasks timeout has been reached',
  finallyTimeout: 'PipelineRun Finally timeout has been reached',
} as const;

interface Limits {
  readonly pipeline: boolean;
  readonly tasks: boolean;
  readonly finally: boolean;
  readonly next: number | undefined;
}

/** Variables that the run itself gives: params and context. */
export function runVariables(run: PipelineRun, spec: PipelineSpec): Map<string, ParamValue> {
  const variables = paramVariables(spec.params, run.spec?.params);
  variables.set('context.pipelineRun.name', run.metadata.name);
  variables.set('context.pipelineRun.namespace', run.metadata.namespace ?? '');
  variables.set('context.pipelineRun.uid', run.metadata.uid ?? '');
  variables.set('context.pipeline.name', run.spec?.pipelineRef?.name ?? run.metadata.name);
  for (const binding of run.spec?.workspaces ?? []) variables.set(`workspaces.${binding.name}.bound`, 'true');
  return variables;
}

/** Decides what a PipelineRun needs next, from what is there: pure, so every decision can be tested from data. */
export function planPipelineRun(observed: ObservedPipelineRun): PipelinePlan {
  const { run, spec, taskRuns } = observed;
  const graph = buildGraph(spec.tasks);
  const limits = timeLimits(observed);
  const states = new Map(
    [...spec.tasks, ...(spec.finally ?? [])].map((task) => [task.name, stateOf(taskRuns.get(task.name))]),
  );
  const asked = run.spec?.status ?? '';
  const stopping = spec.tasks.some((task) => blocks(task, states.get(task.name)!));
  const variables = lookupIn(runVariables(run, spec), resultVariables(taskRuns));
  const skipped = new Map<string, SkippedTask>();
  const ready: PipelineTask[] = [];
  for (const task of graph.order) {
    if (states.get(task.name) !== 'pending') continue;
    const stop = stopReason(asked, stopping, limits);
    const reason = stop ?? skipFromParents({ task, graph, states, skipped, taskRuns });
    if (reason) skipped.set(task.name, { name: task.name, reason });
    else if (parentsDone({ task, graph, states, skipped }) && reason === undefined) {
      const expressions = substitute(task.when, variables);
      if (!whenHolds(expressions))
        skipped.set(task.name, {
          name: task.name,
          reason: skipReason.when,
          ...(expressions ? { whenExpressions: expressions } : {}),
        });
      else if (missingResult(task, variables))
        skipped.set(task.name, { name: task.name, reason: skipReason.results });
      else ready.push(substituteTask(task, variables));
    }
  }
  const tasksDone = spec.tasks.every(
    (task) => skipped.has(task.name) || !['pending', 'running'].includes(states.get(task.name)!),
  );
  const context: Context = { observed, states, skipped, limits, asked, variables, tasksDone };
  const finals = planFinally(context);
  const actions: PipelineAction[] = [
    ...ready.map((task) => ({ kind: 'create' as const, task, final: false })),
    ...finals.ready.map((task) => ({ kind: 'create' as const, task, final: true })),
    ...cancellations(context),
  ];
  const done = tasksDone && finals.done;
  return {
    actions,
    condition: conditionFor(context, done),
    skipped: [...skipped.values()],
    results: done ? pipelineResults(spec, variables, context) : [],
    finallyStarted: tasksDone && (spec.finally?.length ?? 0) > 0,
    done,
    again: done ? undefined : limits.next,
  };
}

interface Context {
  readonly observed: ObservedPipelineRun;
  readonly states: ReadonlyMap<string, TaskState>;
  readonly skipped: Map<string, SkippedTask>;
  readonly limits: Limits;
  readonly asked: string;
  readonly variables: (name: string) => ParamValue | undefined;
  readonly tasksDone: boolean;
}

function timeLimits({ run, now }: ObservedPipelineRun): Limits {
  const start = run.status?.startTime ? Date.parse(run.status.startTime) : now;
  const timeouts = run.spec?.timeouts ?? {};
  const pipeline = timeouts.pipeline === undefined ? defaultTimeout : parseDuration(timeouts.pipeline);
  const finalPart = timeouts.finally === undefined ? undefined : parseDuration(timeouts.finally);
  const tasks =
    timeouts.tasks !== undefined
      ? parseDuration(timeouts.tasks)
      : finalPart !== undefined && pipeline > 0
        ? pipeline - finalPart
        : pipeline;
  const finallyStart = run.status?.finallyStartTime ? Date.parse(run.status.finallyStartTime) : undefined;
  const ends = [
    { name: 'pipeline', at: pipeline === 0 ? Number.POSITIVE_INFINITY : start + pipeline },
    { name: 'tasks', at: tasks === 0 ? Number.POSITIVE_INFINITY : start + tasks },
    {
      name: 'finally',
      at: finallyStart === undefined || !finalPart ? Number.POSITIVE_INFINITY : finallyStart + finalPart,
    },
  ];
  const reached = (name: string) => now >= ends.find((end) => end.name === name)!.at;
  const upcoming = ends.map((end) => end.at - now).filter((left) => left > 0 && Number.isFinite(left));
  return {
    pipeline: reached('pipeline'),
    tasks: reached('tasks'),
    finally: reached('finally'),
    next: upcoming.length > 0 ? Math.min(...upcoming) : undefined,
  };
}

function stopReason(asked: string, stopping: boolean, limits: Limits): string | undefined {
  if (asked === 'Cancelled' || asked === 'CancelledRunFinally') return skipReason.cancelled;
  if (asked === 'StoppedRunFinally') return skipReason.stopped;
  if (limits.pipeline) return skipReason.timeout;
  if (limits.tasks) return skipReason.tasksTimeout;
  return stopping ? skipReason.stopping : undefined;
}

interface ParentFacts {
  readonly task: PipelineTask;
  readonly graph: TaskGraph;
  readonly states: ReadonlyMap<string, TaskState>;
  readonly skipped: ReadonlyMap<string, SkippedTask>;
}

/** A parent skipped by its `when` lets those run that only come after it; those that need its results are skipped. */
function skipFromParents({
  task,
  graph,
  skipped,
  taskRuns,
  states,
}: ParentFacts & { taskRuns: ReadonlyMap<string, TaskRun> }): string | undefined {
  for (const parent of graph.parents.get(task.name)!) {
    const skip = skipped.get(parent);
    if (skip && skip.reason !== skipReason.when) return skipReason.parents;
    const needsResult = graph.resultParents.get(task.name)!.has(parent);
    if (needsResult && skip) return skipReason.results;
    if (needsResult && states.get(parent) === 'failed' && !taskRuns.get(parent)?.status?.results?.length)
      return skipReason.results;
  }
  return undefined;
}

function parentsDone({ task, graph, states, skipped }: ParentFacts): boolean {
  return [...graph.parents.get(task.name)!].every(
    (parent) => skipped.has(parent) || ['succeeded', 'failed'].includes(states.get(parent)!),
  );
}

function missingResult(task: PipelineTask, variables: Context['variables']): boolean {
  return referencesIn([task.params, task.matrix]).some(
    (name) => /^tasks\.[\w-]+\.results\./.test(name) && variables(name) === undefined,
  );
}

function planFinally(context: Context): { ready: PipelineTask[]; done: boolean } {
  const { observed, states, skipped, limits, asked, variables, tasksDone } = context;
  const tasks = observed.spec.finally ?? [];
  if (!tasksDone) return { ready: [], done: tasks.length === 0 };
  const lookup = lookupIn(statusVariables(context));
  const both = (name: string) => lookup(name) ?? variables(name);
  const ready: PipelineTask[] = [];
  for (const task of tasks) {
    if (states.get(task.name) !== 'pending') continue;
    const expressions = substitute(task.when, both);
    const reason =
      asked === 'Cancelled'
        ? skipReason.cancelled
        : limits.pipeline
          ? skipReason.timeout
          : limits.finally
            ? skipReason.finallyTimeout
            : missingResult(task, both)
              ? skipReason.results
              : undefined;
    if (reason) skipped.set(task.name, { name: task.name, reason });
    else if (!whenHolds(expressions))
      skipped.set(task.name, {
        name: task.name,
        reason: skipReason.when,
        ...(expressions ? { whenExpressions: expressions } : {}),
      });
    else ready.push(substituteTask(task, both));
  }
  const done = tasks.every(
    (task) => skipped.has(task.name) || !['pending', 'running'].includes(states.get(task.name)!),
  );
  return { ready, done };
}

/** `tasks.<name>.status`, `tasks.<name>.reason` and `tasks.status`, which only finally tasks can use. */
function statusVariables({ observed, states, skipped }: Context): Map<string, ParamValue> {
  const variables = new Map<string, ParamValue>();
  const word: Record<TaskState, string> = {
    pending: 'None',
    running: 'None',
    succeeded: 'Succeeded',
    failed: 'Failed',
    cancelled: 'Failed',
  };
  for (const { name } of observed.spec.tasks) {
    variables.set(`tasks.${name}.status`, word[states.get(name)!]);
    variables.set(
      `tasks.${name}.reason`,
      observed.taskRuns.get(name)?.status?.conditions?.[0]?.reason ?? 'None',
    );
  }
  const failed = observed.spec.tasks.some((task) => blocks(task, states.get(task.name)!));
  variables.set('tasks.status', failed ? 'Failed' : skipped.size > 0 ? 'Completed' : 'Succeeded');
  return variables;
}

function cancellations({ observed, states, limits, asked, tasksDone }: Context): PipelineAction[] {
  const isFinal = new Set((observed.spec.finally ?? []).map((task) => task.name));
  return [...observed.taskRuns].flatMap(([name, taskRun]) => {
    if (states.get(name) !== 'running' || taskRun.spec?.status === 'TaskRunCancelled') return [];
    const message = cancelMessage({ asked, limits, final: isFinal.has(name), tasksDone });
    return message ? [{ kind: 'cancel' as const, taskRun, message }] : [];
  });
}

function cancelMessage({
  asked,
  limits,
  final,
}: {
  asked: string;
  limits: Limits;
  final: boolean;
  tasksDone: boolean;
}): string | undefined {
  if (asked === 'Cancelled' || (asked === 'CancelledRunFinally' && !final))
    return 'TaskRun cancelled as the PipelineRun it belongs to has been cancelled.';
  if (limits.pipeline || (final ? limits.finally : limits.tasks))
    return 'TaskRun cancelled as the PipelineRun it belongs to has timed out.';
  return undefined;
}

function conditionFor(
  { observed, states, skipped, limits, asked, tasksDone }: Context,
  done: boolean,
): Condition {
  const { run, spec } = observed;
  const all = [...spec.tasks, ...(spec.finally ?? [])];
  const count = (state: TaskState) => all.filter((task) => states.get(task.name) === state).length;
  const failed = all.filter(
    (task) => states.get(task.name) === 'failed' && task.onError !== 'continue',
  ).length;
  const ignored = count('failed') - failed;
  const [cancelled, succeeded] = [count('cancelled'), count('succeeded')];
  const completed = succeeded + failed + cancelled + ignored;
  const counts = `Tasks Completed: ${completed} (Failed: ${failed}${ignored > 0 ? ` (Ignored: ${ignored})` : ''}, Cancelled ${cancelled})`;
  const incomplete = all.length - completed - skipped.size;
  const message = `${counts}, ${done ? '' : `Incomplete: ${incomplete}, `}Skipped: ${skipped.size}`;
  const says = (status: Condition['status'], reason: string, text = message): Condition => ({
    type: 'Succeeded',
    status,
    reason,
    message: text,
  });
  const stopped = failed + cancelled > 0;
  if (!done) {
    if (asked === 'CancelledRunFinally') return says('Unknown', 'CancelledRunningFinally');
    if (asked === 'StoppedRunFinally') return says('Unknown', 'StoppedRunningFinally');
    if (limits.tasks && !limits.pipeline) return says('Unknown', 'PipelineRunTimeoutRunningFinally');
    if (stopped && !tasksDone) return says('Unknown', 'PipelineRunStopping');
    return says('Unknown', run.status?.startTime ? 'Running' : 'Started');
  }
  if (asked.startsWith('Cancelled'))
    return says('False', 'Cancelled', `PipelineRun "${run.metadata.name}" was cancelled`);
  if (asked === 'StoppedRunFinally' && skipped.size > 0) return says('False', 'Cancelled');
  if (limits.pipeline || limits.tasks) {
    const limit = run.spec?.timeouts?.[limits.pipeline ? 'pipeline' : 'tasks'];
    const text = `PipelineRun "${run.metadata.name}" failed to finish within "${limit ?? formatDuration(defaultTimeout)}"`;
    if (stopped || skipped.size > 0) return says('False', 'PipelineRunTimeout', text);
  }
  if (failed > 0) return says('False', 'Failed');
  if (cancelled > 0) return says('False', 'Cancelled');
  const guarded = [...skipped.values()].length > 0;
  return says('True', guarded ? 'Completed' : 'Succeeded');
}

function pipelineResults(
  spec: PipelineSpec,
  variables: Context['variables'],
  context: Context,
): { name: string; value: ParamValue }[] {
  const finals = lookupIn(
    new Map(
      [...resultVariables(context.observed.taskRuns)].map(([name, value]) => [
        name.replace(/^tasks\./, 'finally.'),
        value,
      ]),
    ),
  );
  const lookup = (name: string) => variables(name) ?? finals(name);
  return (spec.results ?? []).flatMap(({ name, value }) => {
    const replaced = substitute(value, lookup);
    return referencesIn(replaced).length > 0 ? [] : [{ name, value: replaced }];
  });
}

function substituteTask(task: PipelineTask, variables: Lookup): PipelineTask {
  const { taskSpec, ...rest } = task;
  return {
    ...substitute(rest, variables),
    ...(taskSpec ? { taskSpec: substitute(taskSpec, hiding(variables, taskSpec.params)) } : {}),
  };
}
