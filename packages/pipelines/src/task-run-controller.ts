import {
  type Condition,
  controllerOf,
  findCondition,
  keyOf,
  kinds,
  type Pod,
  type ResourceKey,
  type TaskRun,
  type TaskRunStatus,
} from '@tagboat/api';
import { type Clock, describeError, parseDuration, TagboatError, timestamp } from '@tagboat/base';
import type { Reconciler, Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutateStatus, type ResourceStore } from '@tagboat/store';
import { claimVolumes } from './claims.ts';
import { builtInDefaults, defaultedTaskRun, provenanceOf, withDefaultWorkspaces } from './config-defaults.ts';
import { decodedRun, decodeTaskRunSpec } from './decode.ts';
import { deadline, goDuration } from './durations.ts';
import type { RunEvents } from './events.ts';
import { podNameFor } from './names.ts';
import type { RemoteTasks } from './remote-tasks.ts';
import { takeFromEarlierRun } from './rerun.ts';
import { resolveTask, takeMetadata } from './resolve-task.ts';
import type { Registries } from './resolver-tools.ts';
import { checkTaskRun, isOurs, refused } from './run-checks.ts';
import type { Settings } from './settings.ts';
import { resolveStepActions } from './step-actions.ts';
import { hiding, lookupIn, substitute } from './substitute.ts';
import { stepsNotThere } from './task-breakpoints.ts';
import { credentialsOf } from './task-credentials.ts';
import { podForTaskRun } from './task-pod.ts';
import { retried, stoppedSteps } from './task-run-history.ts';
import { ended, outcomeOfPod } from './task-run-status.ts';
import { paramsOfTaskRun, taskLookup, withStepPaths, workspacesOf } from './task-variables.ts';
import { firstProblem, validateTaskSpec } from './validate-task.ts';

/** Turns TaskRuns into pods, one attempt after the other, and pods' ends into TaskRun statuses. */
export class TaskRunReconciler implements Reconciler {
  readonly #store: ResourceStore;
  readonly #clock: Clock;
  readonly #events: RunEvents;
  readonly #settings: Settings;
  readonly #registries: Registries | undefined;
  readonly #remote: RemoteTasks;
  readonly #resultsKept: (text: string) => Promise<boolean>;

  constructor(options: {
    store: ResourceStore;
    clock: Clock;
    events: RunEvents;
    settings: Settings;
    registries?: Registries;
    remote: RemoteTasks;
    resultsKept?: (text: string) => Promise<boolean>;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#settings = options.settings;
    this.#registries = options.registries;
    this.#remote = options.remote;
    this.#resultsKept = options.resultsKept ?? (async () => true);
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const stored = await this.#store.get<TaskRun>(key);
    if (!stored || stored.metadata.deletionTimestamp || stored.status?.completionTime) return undefined;
    if (!isOurs(stored.spec)) return undefined;
    const defaults = await this.#settings.defaults();
    const taskRun = defaultedTaskRun(decodedRun(stored, decodeTaskRunSpec), defaults);
    const { status = '', statusMessage = '' } = taskRun.spec ?? {};
    if (status === 'TaskRunCancelled')
      return this.#stop(taskRun, 'TaskRunCancelled', `TaskRun "${key.name}" was cancelled. ${statusMessage}`);
    if (status === 'TaskRunPending') return this.#pend(taskRun);
    try {
      const left = this.#timeLeft(taskRun);
      if (left <= 0)
        return await this.#stop(
          taskRun,
          'TaskRunTimeout',
          `TaskRun "${key.name}" failed to finish within "${goDuration(timeoutOf(taskRun))}"`,
        );
      const done = await this.#advance(taskRun);
      return done || !Number.isFinite(left) ? undefined : { again: left };
    } catch (error) {
      if (!(error instanceof TagboatError) || error.retryable) throw error;
      const general: Record<string, string> = {
        NotFound: 'TaskRunResolutionFailed',
        ResolutionFailed: 'TaskRunResolutionFailed',
        Invalid: 'TaskRunValidationFailed',
      };
      const reason = general[error.reason] ?? error.reason;
      await this.#finish(taskRun, {
        type: 'Succeeded',
        status: 'False',
        reason,
        message: describeError(error),
      });
      return undefined;
    }
  }

  async #advance(taskRun: TaskRun): Promise<boolean> {
    const attempt = taskRun.status?.retriesStatus?.length ?? 0;
    const pod = await this.#store.get<Pod>(this.#podKey(taskRun, attempt));
    if (!pod || controllerOf(pod)?.uid !== taskRun.metadata.uid || !taskRun.status?.taskSpec)
      return this.#begin(taskRun, attempt);
    const outcome = outcomeOfPod(taskRun, taskRun.status.taskSpec, pod);
    const failed = outcome.done && outcome.condition.status === 'False';
    if (failed && attempt < (taskRun.spec?.retries ?? 0)) {
      await this.#record(taskRun, (status) =>
        retried({ ...status, ...outcome.status }, outcome.condition, timestamp(this.#clock)),
      );
      return false;
    }
    await this.#record(taskRun, (status) => {
      const next = { ...status, ...outcome.status, conditions: [this.#condition(status, outcome.condition)] };
      if (!outcome.done) return next;
      const completedAt = new Date(this.#clock.now()).toISOString();
      return {
        ...next,
        completionTime: timestamp(this.#clock),
        ...(next.timing ? { timing: { ...next.timing, completedAt } } : {}),
      };
    });
    return outcome.done;
  }

  /** Resolves and checks the task, records what will run, and makes the pod. */
  async #begin(declared: TaskRun, attempt: number): Promise<boolean> {
    if (isRemote(declared)) await this.#awaits(declared, 'ResolvingTaskRef');
    const resolved = await resolveTask(this.#store, declared, {
      registries: this.#registries,
      remote: this.#remote,
    });
    const defaults = await this.#settings.defaults();
    const taskRun = withDefaultWorkspaces(declared, resolved.spec, defaults);
    const context = hiding(lookupIn(paramsOfTaskRun(taskRun, resolved.spec)), []);
    const problem = firstProblem(validateTaskSpec(resolved.spec, taskRun.spec?.params ?? []));
    if (problem) throw refused('TaskRunValidationFailed', `${problem.message}: ${problem.field}`);
    const workspaces = workspacesOf(resolved.spec, taskRun);
    const bound = new Set((taskRun.spec?.workspaces ?? []).map(({ name }) => name));
    checkTaskRun(
      {
        name: resolved.name ?? taskRun.metadata.name,
        spec: { ...resolved.spec, workspaces },
        inline: Boolean(taskRun.spec?.taskSpec),
      },
      taskRun.spec?.params ?? [],
      bound,
    );
    const request = {
      reader: this.#store,
      namespace: taskRun.metadata.namespace ?? '',
      ...(this.#registries ? { registries: this.#registries } : {}),
    };
    if (resolved.spec.steps.some(({ ref }) => ref?.resolver))
      await this.#awaits(taskRun, 'ResolvingStepActionRef');
    const { spec: withActions, sources } = await resolveStepActions(request, resolved.spec, context);
    // What steps use undeclared is declared here: once variables are replaced, nothing tells of it any more.
    const complete = { ...withActions, ...(workspaces.length > 0 ? { workspaces } : {}) };
    const spec = withStepPaths(substitute(complete, taskLookup(taskRun, complete)));
    const earlier = await takeFromEarlierRun(
      { reader: this.#store, resultsKept: this.#resultsKept },
      taskRun,
      spec,
    );
    for (const name of attempt === 0 ? stepsNotThere(taskRun, spec) : [])
      this.#events.emit(
        taskRun,
        'Warning',
        'NotActedOn',
        `spec.debug.breakpoints.beforeSteps: the task has no step "${name}"`,
      );
    await takeMetadata(this.#store, taskRun, { task: resolved, managedBy: defaults.managedBy });
    const credentials = defaults.flags.credentials
      ? await credentialsOf(taskRun, { store: this.#store, events: this.#events })
      : [];
    const annotated = {
      ...taskRun,
      metadata: {
        ...taskRun.metadata,
        annotations: { ...resolved.annotations, ...taskRun.metadata.annotations },
      },
    };
    const pod = podForTaskRun({ taskRun: annotated, spec, attempt, credentials, defaults });
    await claimVolumes(this.#store, taskRun);
    const started: Condition = { type: 'Succeeded', status: 'Unknown', reason: 'Started', message: '' };
    await this.#record(taskRun, (status) => ({
      ...status,
      podName: pod.metadata.name,
      startTime: status.startTime ?? timestamp(this.#clock),
      taskSpec: spec,
      ...provenanceOf(defaults, status.provenance, resolved.provenance),
      ...(sources.size > 0
        ? {
            steps: [...sources].map(([name, refSource]) => ({
              name,
              container: `step-${name}`,
              provenance: { ...(refSource ? { refSource } : {}) },
            })),
          }
        : {}),
      conditions: [this.#condition(status, started)],
      ...(earlier ? { ...earlier, completionTime: timestamp(this.#clock) } : {}),
    }));
    if (earlier) return true;
    const key = keyOf(kinds.Pod, pod);
    const made = await createIfAbsent(this.#store, key, pod);
    // A pod of a TaskRun of the same name that is gone: its owner's end will remove it.
    if (controllerOf(made)?.uid !== taskRun.metadata.uid) {
      await deleteIfPresent(this.#store, key);
      await this.#store.create(pod);
    }
    return false;
  }

  async #stop(
    taskRun: TaskRun,
    reason: 'TaskRunCancelled' | 'TaskRunTimeout',
    message: string,
  ): Promise<undefined> {
    const attempt = taskRun.status?.retriesStatus?.length ?? 0;
    const podKey = this.#podKey(taskRun, attempt);
    const pod = await this.#store.get<Pod>(podKey);
    const condition: Condition = { type: 'Succeeded', status: 'False', reason, message };
    const now = timestamp(this.#clock);
    const stopped =
      pod && taskRun.status?.taskSpec ? outcomeOfPod(taskRun, taskRun.status.taskSpec, pod).status : {};
    const createdAt = taskRun.metadata.creationTimestamp ?? now;
    const steps = stoppedSteps(stopped.steps ?? taskRun.status?.steps ?? [], {
      ...{ reason, createdAt, now },
      pod: podKey.name,
    });
    const again = reason === 'TaskRunTimeout' && attempt < (taskRun.spec?.retries ?? 0);
    await this.#record(taskRun, (status) => {
      const next = { ...status, ...stopped, ...(steps.length > 0 ? { steps } : {}) };
      return again ? retried(next, condition, now) : ended({ startTime: now, ...next }, condition, now);
    });
    if (pod) await deleteIfPresent(this.#store, podKey);
    return undefined;
  }

  #timeLeft(taskRun: TaskRun): number {
    return deadline(taskRun.status?.startTime, timeoutOf(taskRun)) - this.#clock.now();
  }

  /** Says that something is fetched, which may take its time. */
  async #awaits(taskRun: TaskRun, reason: string): Promise<void> {
    const { namespace, name } = taskRun.metadata;
    const message = `TaskRun ${namespace}/${name} awaiting remote resource`;
    await this.#record(taskRun, (status) => ({
      ...status,
      conditions: [this.#condition(status, { type: 'Succeeded', status: 'Unknown', reason, message })],
    }));
  }

  async #pend(taskRun: TaskRun): Promise<undefined> {
    const message = `TaskRun "${taskRun.metadata.name}" is pending`;
    const condition: Condition = { type: 'Succeeded', status: 'Unknown', reason: 'TaskRunPending', message };
    await this.#record(taskRun, (status) => ({
      ...status,
      conditions: [this.#condition(status, condition)],
    }));
    return undefined;
  }

  async #finish(taskRun: TaskRun, condition: Condition): Promise<void> {
    const now = timestamp(this.#clock);
    await this.#record(taskRun, (status) =>
      ended({ ...status, startTime: status.startTime ?? now }, condition, now),
    );
  }

  async #record(taskRun: TaskRun, change: (status: TaskRunStatus) => TaskRunStatus): Promise<void> {
    let before: Condition | undefined;
    const stored = await mutateStatus<TaskRun>(this.#store, keyOf(kinds.TaskRun, taskRun), (draft) => {
      if (draft.metadata.uid !== taskRun.metadata.uid || draft.status?.completionTime) return false;
      before = findCondition(draft.status?.conditions, 'Succeeded');
      draft.status = change(draft.status ?? {});
      return undefined;
    });
    this.#events.changed(stored, before, findCondition(stored.status?.conditions, 'Succeeded'));
  }

  #condition(status: TaskRunStatus, next: Condition): Condition {
    const before = findCondition(status.conditions, next.type);
    const same = before?.status === next.status && before.reason === next.reason;
    return { ...next, lastTransitionTime: same ? before.lastTransitionTime! : timestamp(this.#clock) };
  }

  #podKey(taskRun: TaskRun, attempt: number): ResourceKey {
    return {
      type: kinds.Pod,
      namespace: taskRun.metadata.namespace ?? '',
      name: podNameFor(taskRun.metadata.name, attempt),
    };
  }
}

/** Whether a run's task is fetched from elsewhere; a retry has it already. */
const isRemote = ({ spec, status }: TaskRun) =>
  Boolean(spec?.taskRef?.resolver) && !(status?.retriesStatus && status.taskSpec);

function timeoutOf(taskRun: TaskRun): number {
  const { timeout } = taskRun.spec ?? {};
  return timeout === undefined ? builtInDefaults.timeout : parseDuration(timeout);
}

/** The TaskRun that a changed pod belongs to. */
export function taskRunOfPod(pod: Pod): ResourceKey[] {
  const owner = controllerOf(pod);
  return owner?.kind === 'TaskRun'
    ? [{ type: kinds.TaskRun, namespace: pod.metadata.namespace ?? '', name: owner.name }]
    : [];
}
