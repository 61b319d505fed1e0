import type { Condition, ParamValue, PipelineTask, SkippedTask } from '@tagboat/api';
import { conditionFor } from './condition.ts';
import { failureOf } from './failure.ts';
import { outerFields, resultReferencesIn } from './graph.ts';
import { hasEmptyMatrix } from './matrix.ts';
import { type Facts, isDone, type ObservedPipelineRun, skipReason, timeLimits } from './pipeline-facts.ts';
import { pipelineResults } from './pipeline-results.ts';
import { refusedByUser } from './run-checks.ts';
import { firstOf, type Lookup, lookupIn } from './substitute.ts';
import { substituteTask } from './substitute-task.ts';
import {
  type Child,
  cancelledByRun,
  cancelledByTimeout,
  hasAnyFailed,
  hasFailed,
  hasSucceeded,
  isScheduled,
  outcomeVariables,
  type PipelineTaskState,
  reasonOf,
  runningChildren,
  stopsTheRun,
} from './task-states.ts';
import { whenHolds } from './when.ts';

export type PipelineAction =
  | { readonly kind: 'create'; readonly task: PipelineTask; readonly final: boolean }
  | { readonly kind: 'cancel'; readonly child: Child; readonly message: string };

export interface PipelinePlan {
  readonly actions: readonly PipelineAction[];
  readonly condition: Condition;
  readonly skipped: readonly SkippedTask[];
  readonly results: readonly { name: string; value: ParamValue }[];
  /** The `when` expressions of each task as they were judged, for child references. */
  readonly tasks: ReadonlyMap<string, PipelineTask>;
  readonly finallyStarted: boolean;
  readonly done: boolean;
  /** Why it did not succeed, for people. */
  readonly failure?: string;
  /** Look again after so many milliseconds, for the next timeout. */
  readonly again: number | undefined;
}

/** Decides what a PipelineRun needs next, from what is there: pure, so every decision can be tested from data. */
export function planPipelineRun(observed: ObservedPipelineRun): PipelinePlan {
  const { run, spec, states } = observed;
  const limits = timeLimits(observed);
  const asked = run.spec?.status ?? '';
  const ended = new Set([...states.values()].filter(isOver).map(({ task }) => task.name));
  const facts: Facts = { observed, limits, asked, skipped: new Map(), invalid: new Map(), ended };
  const outcomes = lookupIn(outcomeVariables(states.values()));
  const tasks = new Map<string, PipelineTask>();
  const ready = planTasks(facts, outcomes, tasks);
  const tasksDone = spec.tasks.every((task) => isDone(facts, task.name));
  if (asked !== 'Cancelled') refuseWrongIndexes(observed);
  const finals = tasksDone && asked !== 'Cancelled' ? planFinally(facts, outcomes, tasks) : [];
  const cancels = cancellations(facts);
  const { condition, done } = conditionFor(facts);
  const creates = limits.pipeline || asked === 'Cancelled' ? [] : [...ready, ...finals];
  const results = done
    ? pipelineResults(spec, states, firstOf(outcomes, lookupIn(finallyResults(states))))
    : { results: [] };
  const failure = done && condition.status === 'False' ? failureOf(states.values(), condition) : undefined;
  return {
    ...(failure ? { failure } : {}),
    actions: [...creates, ...cancels],
    condition: results.problem
      ? {
          ...condition,
          status: 'False',
          reason: 'CouldntGetPipelineResult',
          message: `Failed to get PipelineResult from TaskRun Results for PipelineRun ${run.metadata.name}: ${results.problem}`,
        }
      : condition,
    skipped: asked === 'Cancelled' ? (run.status?.skippedTasks ?? []) : inOrder(facts),
    results: condition.reason === 'Cancelled' && asked === 'Cancelled' ? [] : results.results,
    tasks,
    finallyStarted: tasksDone && asked !== 'Cancelled' && finallyBegins(facts),
    done,
    again: done ? undefined : limits.next,
  };
}

/** Finally tasks begin when one of them can be judged, be it that it is skipped. */
const finallyBegins = ({ observed, skipped }: Facts) =>
  (observed.spec.finally ?? []).some(({ name }) => skipped.get(name)?.reason !== skipReason.results);

/** @throws a refusal where a task that has not started uses an item that an array of results does not have */
function refuseWrongIndexes({ run, states }: ObservedPipelineRun): void {
  const variables = outcomeVariables(states.values());
  for (const { task, children } of states.values()) {
    const used = children.length > 0 ? [] : resultReferencesIn(outerFields(task));
    const values = used.map(({ task: parent, result }) => variables.get(`tasks.${parent}.results.${result}`));
    if (values.includes(undefined)) continue;
    for (const [at, { task: parent, result, index }] of used.entries()) {
      const value = values[at];
      if (Array.isArray(value) && index !== undefined && Number(index) >= value.length)
        throw refusedByUser(
          'PipelineValidationFailed',
          `PipelineRun ${run.metadata.namespace}/${run.metadata.name} can't be Run; couldn't resolve all references: array Result Index ${index} for Task ${parent} Result ${result} is out of bound of size ${value.length}`,
        );
    }
  }
}

const isOver = (state: PipelineTaskState) => hasSucceeded(state) || hasFailed(state);

function planTasks(facts: Facts, outcomes: Lookup, tasks: Map<string, PipelineTask>): PipelineAction[] {
  const { observed, asked, skipped, invalid } = facts;
  const stopping = [...observed.states.values()].some((state) => !state.final && stopsTheRun(state));
  const ready: PipelineAction[] = [];
  for (const { name } of observed.graph.order) {
    const state = observed.states.get(name)!;
    const parents = [...observed.graph.parents.get(name)!];
    const parentsDone = parents.every((parent) => isDone(facts, parent));
    if (isScheduled(state)) {
      tasks.set(name, shownInReferences(state.task) ? substituteTask(state.task, outcomes) : state.task);
      continue;
    }
    const task = parentsDone ? substituteTask(state.task, outcomes) : state.task;
    tasks.set(name, task);
    const reason = skipOf({ facts, task, parents, parentsDone, stopping });
    if (reason) skip(skipped, task, reason);
    else if (parentsDone && !['Cancelled', 'CancelledRunFinally', 'StoppedRunFinally'].includes(asked)) {
      const missing = missingResult(facts, state.task);
      if (missing) invalid.set(name, missing);
      else ready.push({ kind: 'create', task, final: false });
    }
  }
  return invalid.size > 0 ? [] : ready;
}

/** Whether references to the task's runs hold something in which variables are replaced. */
const shownInReferences = ({ when, matrix, displayName }: PipelineTask) =>
  Boolean(when?.length || matrix || displayName);

interface SkipInput {
  readonly facts: Facts;
  readonly task: PipelineTask;
  readonly parents: readonly string[];
  readonly parentsDone: boolean;
  readonly stopping: boolean;
}

/** Tekton's order of reasons (`ResolvedPipelineTask.skip`). */
function skipOf({ facts, task, parents, parentsDone, stopping }: SkipInput): string | undefined {
  const { asked, limits, skipped } = facts;
  if (stopping) return skipReason.stopping;
  if (asked === 'CancelledRunFinally') return skipReason.cancelled;
  if (asked === 'StoppedRunFinally') return skipReason.stopped;
  if (parentsDone && !whenHolds(task.when)) return skipReason.when;
  if (parents.some((parent) => skipped.has(parent) && skipped.get(parent)!.reason !== skipReason.when))
    return skipReason.parents;
  if (!parentsDone) return undefined;
  const source = facts.observed.states.get(task.name)!.task;
  const missing = resultReferencesIn([...outerFields(source), source.taskSpec?.steps]).find(
    ({ task: parent, result }) => !hasResult(facts, parent, result),
  );
  if (missing && (task.onError === 'continue' || skipped.get(missing.task)?.reason === skipReason.when))
    return skipReason.results;
  if (limits.pipeline) return skipReason.timeout;
  if (limits.tasks) return skipReason.tasksTimeout;
  return hasEmptyMatrix(task) ? skipReason.emptyMatrix : undefined;
}

function hasResult({ observed }: Facts, task: string, result: string): boolean {
  const state = observed.states.get(task);
  return state !== undefined && outcomeVariables([state]).has(`tasks.${task}.results.${result}`);
}

function missingResult(facts: Facts, task: PipelineTask): string | undefined {
  for (const { task: parent, result } of resultReferencesIn(outerFields(task))) {
    const state = facts.observed.states.get(parent);
    if (!state || hasResult(facts, parent, result) || state.task.pipelineRef || state.task.pipelineSpec)
      continue;
    return hasSucceeded(state)
      ? `task "${parent}" completed successfully but did not emit the result "${result}", which is referenced by task "${task.name}"`
      : `Invalid task result reference: Could not find result with name ${result} for pipeline task ${parent}`;
  }
  return undefined;
}

function planFinally(facts: Facts, outcomes: Lookup, tasks: Map<string, PipelineTask>): PipelineAction[] {
  const { observed, limits, skipped } = facts;
  const lookup = firstOf(lookupIn(statusVariables(facts)), outcomes);
  const ready: PipelineAction[] = [];
  for (const { task: source, final, children } of observed.states.values()) {
    if (!final) continue;
    const task = substituteTask(source, lookup);
    tasks.set(task.name, task);
    if (children.length > 0) continue;
    const missing = resultReferencesIn(outerFields(source)).some(
      ({ task: parent, result }) => !hasResult(facts, parent, result),
    );
    const reason = missing
      ? skipReason.results
      : !whenHolds(task.when)
        ? skipReason.when
        : limits.pipeline
          ? skipReason.timeout
          : limits.finally
            ? skipReason.finallyTimeout
            : hasEmptyMatrix(task)
              ? skipReason.emptyMatrix
              : undefined;
    if (reason) skip(skipped, task, reason, reason === skipReason.when);
    else ready.push({ kind: 'create', task, final: true });
  }
  return ready;
}

function skip(
  skipped: Map<string, SkippedTask>,
  task: PipelineTask,
  reason: string,
  expressions = true,
): void {
  skipped.set(task.name, {
    name: task.name,
    reason,
    ...(expressions && task.when?.length ? { whenExpressions: task.when } : {}),
  });
}

/** `tasks.<name>.status`, `tasks.<name>.reason` and `tasks.status`, which only finally tasks can use. */
function statusVariables({ observed, skipped }: Facts): Map<string, ParamValue> {
  const variables = new Map<string, ParamValue>();
  const states = [...observed.states.values()].filter(({ final }) => !final);
  for (const state of states) {
    const { name } = state.task;
    const status = hasSucceeded(state) ? 'Succeeded' : hasAnyFailed(state) ? 'Failed' : 'None';
    variables.set(`tasks.${name}.status`, status);
    variables.set(`tasks.${name}.reason`, reasonOf(state));
  }
  const some = states.some(({ task }) => skipped.has(task.name));
  variables.set('tasks.status', states.some(hasAnyFailed) ? 'Failed' : some ? 'Completed' : 'Succeeded');
  return variables;
}

/** Results of finally tasks, which only the pipeline's own results can use. */
function finallyResults(states: ReadonlyMap<string, PipelineTaskState>): Map<string, ParamValue> {
  const finals = [...states.values()].filter(({ final }) => final);
  return new Map(
    [...outcomeVariables(finals)].map(([name, value]) => [name.replace(/^tasks\./, 'finally.'), value]),
  );
}

function cancellations({ observed, limits, asked }: Facts): PipelineAction[] {
  const actions: PipelineAction[] = [];
  for (const state of observed.states.values()) {
    const message =
      asked === 'Cancelled' || (asked === 'CancelledRunFinally' && !state.final)
        ? cancelledByRun
        : limits.pipeline || (state.final ? limits.finally : limits.tasks)
          ? cancelledByTimeout
          : undefined;
    if (!message) continue;
    for (const child of runningChildren(state))
      if (!/Cancelled$/.test(child.spec?.status ?? '')) actions.push({ kind: 'cancel', child, message });
  }
  return actions;
}

const inOrder = ({ observed, skipped }: Facts): SkippedTask[] =>
  [...observed.states.keys()].flatMap((name) => skipped.get(name) ?? []);
