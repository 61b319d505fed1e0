import {
  controllerOf,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type PipelineRun,
  type PipelineSpec,
  type ResourceKey,
} from '@tagboat/api';
import { type Clock, describeError, type Logger, TagboatError, timestamp } from '@tagboat/base';
import type { Reconciler, Result } from '@tagboat/controller';
import { mutate, mutateStatus, type ResourceStore, replaceStatus } from '@tagboat/store';
import { applyRun, applyToBindings } from './apply-run.ts';
import { defaultedPipelineRun, provenanceOf } from './config-defaults.ts';
import { decodedRun, decodePipelineRunSpec } from './decode.ts';
import type { RunEvents } from './events.ts';
import { buildGraph, type TaskGraph } from './graph.ts';
import { cancelChild, checkDepth, createChildren } from './pipeline-run-children.ts';
import { nextStatus } from './pipeline-run-status.ts';
import { type PipelinePlan, planPipelineRun } from './plan-pipeline-run.ts';
import { ReferencedTasks } from './referenced-tasks.ts';
import type { RemoteTasks } from './remote-tasks.ts';
import { resolvePipeline } from './resolve-pipeline.ts';
import type { Registries } from './resolver-tools.ts';
import { checkPipelineRun, isOurs, refusedByUser } from './run-checks.ts';
import type { RunQueue } from './run-queue.ts';
import type { Settings } from './settings.ts';
import { type Child, childKind, hasEnded, type PipelineTaskState } from './task-states.ts';
import { firstProblem, validatePipelineSpec } from './validate-pipeline.ts';

export interface EngineParts {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: RunEvents;
  readonly queue: RunQueue;
  readonly settings: Settings;
  readonly registries?: Registries;
  readonly remote: RemoteTasks;
}

/** What is known of a run that goes on, so that it need not be worked out at every look. */
interface Known {
  readonly spec: PipelineSpec;
  readonly graph: TaskGraph;
  readonly tasks: ReferencedTasks;
}

const mostKnown = 200;

/** Runs PipelineRuns: reads what is there, plans, creates and cancels children, records the status. */
export class PipelineRunReconciler implements Reconciler {
  readonly #parts: EngineParts;
  readonly #known = new Map<string, Known>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const stored = await this.#parts.store.get<PipelineRun>(key);
    if (!stored || stored.metadata.deletionTimestamp || stored.status?.completionTime) {
      this.#known.delete(stored?.metadata.uid ?? '');
      await this.#parts.queue.left(key);
      return undefined;
    }
    if (!isOurs(stored.spec)) return undefined;
    const run = await this.#decoded(stored);
    if (run.spec?.status === 'PipelineRunPending' && !run.status?.startTime) return this.#pend(run);
    if (run.spec?.status === 'Cancelled' && !run.status?.pipelineSpec) {
      await this.#label(run);
      await this.#refuse(run, 'Cancelled', `PipelineRun "${key.name}" was cancelled`);
      return undefined;
    }
    try {
      const waiting = run.status?.startTime ? undefined : await this.#parts.queue.enter(run);
      if (waiting) return await this.#wait(run, waiting);
      return await this.#advance(run);
    } catch (error) {
      if (!(error instanceof TagboatError) || error.retryable) throw error;
      await this.#refuse(run, reasonFor(error), describeError(error));
      return undefined;
    }
  }

  async #advance(run: PipelineRun): Promise<Result> {
    const started = run.status?.pipelineSpec ? run : await this.#start(run);
    const known = await this.#knownOf(started);
    const states = await this.#states(started, known);
    const plan = planPipelineRun({
      run: started,
      spec: known.spec,
      graph: known.graph,
      states,
      now: this.#parts.clock.now(),
    });
    const children = new Map([...states].map(([name, state]) => [name, [...state.children]]));
    for (const action of plan.actions)
      if (action.kind === 'create')
        children.set(
          action.task.name,
          await createChildren(this.#parts, { run: started, tasks: known.tasks }, action),
        );
    await Promise.all(
      plan.actions.map((action) =>
        action.kind === 'cancel' ? cancelChild(this.#parts.store, action) : undefined,
      ),
    );
    await this.#record(started, plan, children);
    return plan.again === undefined ? undefined : { again: plan.again };
  }

  /** Resolves the pipeline, checks the run against it, and records that it has started. */
  async #start(run: PipelineRun): Promise<PipelineRun> {
    const { store, clock, events } = this.#parts;
    if (run.spec?.pipelineRef?.resolver)
      await this.#wait(run, {
        reason: 'ResolvingPipelineRef',
        message: `PipelineRun ${run.metadata.namespace}/${run.metadata.name} awaiting remote resource`,
      });
    const { spec, name, labels, annotations, provenance } = await resolvePipeline(
      store,
      run,
      this.#parts.registries,
    );
    const defaults = await this.#parts.settings.defaults();
    const problem = firstProblem(validatePipelineSpec(spec, defaults));
    if (problem)
      throw refusedByUser(
        problem.graph ? 'PipelineInvalidGraph' : 'PipelineValidationFailed',
        problem.graph
          ? `PipelineRun ${run.metadata.namespace}/${run.metadata.name}'s Pipeline DAG is invalid: ${problem.message}`
          : `Pipeline ${run.metadata.namespace}/${name} can't be Run; it has an invalid spec: ${problem.message}: ${problem.field}`,
      );
    checkPipelineRun(run, spec, name);
    await checkDepth(store, run);
    const applied = applyRun(spec, run, name);
    await this.#referenced(run).check(applied, name, spec);
    const key = keyOf(kinds.PipelineRun, run);
    await mutate<PipelineRun>(store, key, (draft) => {
      draft.metadata.labels = { ...labels, 'tekton.dev/pipeline': name, ...draft.metadata.labels };
      const all = { ...annotations, ...draft.metadata.annotations };
      if (Object.keys(all).length > 0) draft.metadata.annotations = all;
    });
    const now = timestamp(clock);
    const before = findCondition(run.status?.conditions, 'Succeeded');
    const stored = await mutateStatus<PipelineRun>(store, key, (draft) => {
      draft.status = {
        ...draft.status,
        startTime: draft.status?.startTime ?? now,
        pipelineSpec: applied,
        ...provenanceOf(defaults, provenance),
        conditions: [
          { type: 'Succeeded', status: 'Unknown', reason: 'Started', message: '', lastTransitionTime: now },
        ],
      };
    });
    events.changed(stored, before?.reason === 'Started' ? before : undefined, stored.status?.conditions?.[0]);
    return this.#decoded(stored);
  }

  /** The run as it is meant: decoded, with the platform's defaults, variables in its bindings replaced. */
  async #decoded(stored: PipelineRun): Promise<PipelineRun> {
    const decoded = decodedRun(stored, decodePipelineRunSpec);
    return applyToBindings(defaultedPipelineRun(decoded, await this.#parts.settings.defaults()));
  }

  async #knownOf(run: PipelineRun): Promise<Known> {
    const uid = run.metadata.uid ?? '';
    const before = this.#known.get(uid);
    if (before) return before;
    const spec = run.status!.pipelineSpec!;
    const known = { spec, graph: buildGraph(spec.tasks), tasks: this.#referenced(run) };
    this.#known.set(uid, known);
    if (this.#known.size > mostKnown) this.#known.delete(this.#known.keys().next().value!);
    return known;
  }

  #referenced(run: PipelineRun): ReferencedTasks {
    const { store: reader, remote, registries } = this.#parts;
    return new ReferencedTasks({ reader, remote, ...(registries ? { registries } : {}) }, run);
  }

  async #states(run: PipelineRun, { spec }: Known): Promise<Map<string, PipelineTaskState>> {
    const names = new Map<string, string[]>();
    for (const { pipelineTaskName, name } of run.status?.childReferences ?? [])
      names.set(pipelineTaskName, [...(names.get(pipelineTaskName) ?? []), name]);
    const finals = spec.finally ?? [];
    const states = new Map<string, PipelineTaskState>();
    for (const [index, task] of [...spec.tasks, ...finals].entries()) {
      const children: Child[] = [];
      for (const name of names.get(task.name) ?? []) {
        const child = await this.#child(run, childKind(task), name);
        if (child) children.push(child);
      }
      states.set(task.name, { task, final: index >= spec.tasks.length, children });
    }
    return states;
  }

  async #child(run: PipelineRun, kind: 'TaskRun' | 'PipelineRun' | 'CustomRun', name: string) {
    const key = { type: kinds[kind], namespace: run.metadata.namespace ?? '', name };
    const child = await this.#parts.store.get<Child>(key);
    return child && controllerOf(child)?.uid === run.metadata.uid ? child : undefined;
  }

  async #record(run: PipelineRun, plan: PipelinePlan, children: ReadonlyMap<string, Child[]>): Promise<void> {
    const { store, clock, events } = this.#parts;
    const now = timestamp(clock);
    let before = findCondition(run.status?.conditions, 'Succeeded');
    const stored = await replaceStatus<PipelineRun>(store, keyOf(kinds.PipelineRun, run), (current) => {
      if (current.status?.completionTime) return undefined;
      before = findCondition(current.status?.conditions, 'Succeeded');
      return nextStatus(current, { plan, children, now });
    });
    events.changed(stored, before, findCondition(stored.status?.conditions, 'Succeeded'));
    if (plan.done) await this.#parts.queue.left(keyOf(kinds.PipelineRun, run));
  }

  async #pend(run: PipelineRun): Promise<undefined> {
    await this.#label(run);
    return this.#wait(run, {
      reason: 'PipelineRunPending',
      message: `PipelineRun "${run.metadata.name}" is pending`,
    });
  }

  /** The label by which the runs of a pipeline are found, on a run that has not resolved it. */
  async #label(run: PipelineRun): Promise<void> {
    const pipeline = run.spec?.pipelineRef?.name ?? run.metadata.name;
    if (run.metadata.labels?.['tekton.dev/pipeline']) return;
    await mutate<PipelineRun>(this.#parts.store, keyOf(kinds.PipelineRun, run), (draft) => {
      draft.metadata.labels = { 'tekton.dev/pipeline': pipeline, ...draft.metadata.labels };
    });
  }

  /** Records why a run does not start yet. */
  async #wait(run: PipelineRun, why: { reason: string; message: string }): Promise<undefined> {
    const now = timestamp(this.#parts.clock);
    await mutateStatus<PipelineRun>(this.#parts.store, keyOf(kinds.PipelineRun, run), (draft) => {
      // Who made it may have ended it meanwhile, as it is done with a configuration that cannot be read.
      if (draft.status?.completionTime) return false;
      const before = findCondition(draft.status?.conditions, 'Succeeded');
      if (before?.reason === why.reason && before.message === why.message) return false;
      draft.status = {
        ...draft.status,
        conditions: [{ type: 'Succeeded', status: 'Unknown', ...why, lastTransitionTime: now }],
      };
      return undefined;
    });
    return undefined;
  }

  async #refuse(run: PipelineRun, reason: string, message: string): Promise<void> {
    const { store, clock, events, queue } = this.#parts;
    const now = timestamp(clock);
    const key = keyOf(kinds.PipelineRun, run);
    const stored = await mutateStatus<PipelineRun>(store, key, (draft) => {
      if (draft.status?.completionTime) return false;
      draft.status = {
        ...draft.status,
        startTime: draft.status?.startTime ?? now,
        completionTime: now,
        conditions: [{ type: 'Succeeded', status: 'False', reason, message, lastTransitionTime: now }],
      };
      return undefined;
    });
    events.changed(stored, undefined, stored.status?.conditions?.[0]);
    await queue.left(key);
  }
}

const ownReason = /^[A-Z]\w+$/;
const general: Readonly<Record<string, string>> = {
  NotFound: 'CouldntGetTask',
  Invalid: 'PipelineValidationFailed',
  ResolutionFailed: 'CouldntGetPipeline',
};

const reasonFor = ({ reason }: TagboatError) =>
  general[reason] ?? (ownReason.test(reason) ? reason : 'PipelineValidationFailed');

/** The PipelineRun to look at since a child has ended or is gone; what else happens to a child changes no plan. */
export function pipelineRunOf(child: KubernetesObject, change?: string): ResourceKey[] {
  const owner = controllerOf(child);
  if (owner?.kind !== 'PipelineRun') return [];
  if (change !== 'DELETED' && !hasEnded(child as Child)) return [];
  return [{ type: kinds.PipelineRun, namespace: child.metadata.namespace ?? '', name: owner.name }];
}
