import {
  type Condition,
  controllerOf,
  findCondition,
  keyOf,
  kinds,
  type Pod,
  type ResourceKey,
  type Task,
  type TaskRun,
  type TaskRunStatus,
  type TaskSpec,
} from '@tagboat/api';
import { type Clock, describeError, parseDuration, TagboatError, timestamp } from '@tagboat/base';
import type { Reconciler, Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutateStatus, type ResourceStore } from '@tagboat/store';
import { podForTaskRun, podNameFor } from './task-pod.ts';
import { ended, outcomeOfPod } from './task-run-status.ts';

const defaultTimeout = 3_600_000;

/** Turns TaskRuns into pods, one attempt after the other, and pods' ends into TaskRun statuses. */
export class TaskRunReconciler implements Reconciler {
  readonly #store: ResourceStore;
  readonly #clock: Clock;

  constructor(options: { store: ResourceStore; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const taskRun = await this.#store.get<TaskRun>(key);
    if (!taskRun || taskRun.metadata.deletionTimestamp || taskRun.status?.completionTime) return undefined;
    if (taskRun.spec?.status === 'TaskRunPending') return this.#pend(key);
    const attempt = taskRun.status?.retriesStatus?.length ?? 0;
    if (taskRun.spec?.status === 'TaskRunCancelled') {
      const message = taskRun.spec.statusMessage ?? `TaskRun "${key.name}" was cancelled`;
      return this.#stop(taskRun, {
        attempt,
        condition: { type: 'Succeeded', status: 'False', reason: 'TaskRunCancelled', message },
      });
    }
    const left = this.#timeLeft(taskRun);
    if (left <= 0) {
      const message = `TaskRun "${key.name}" failed to finish within "${taskRun.spec?.timeout ?? '1h0m0s'}"`;
      return this.#stop(taskRun, {
        attempt,
        condition: { type: 'Succeeded', status: 'False', reason: 'TaskRunTimeout', message },
      });
    }
    try {
      const done = await this.#advance(taskRun, attempt);
      return done || !Number.isFinite(left) ? undefined : { again: left };
    } catch (error) {
      if (!(error instanceof TagboatError) || error.retryable) throw error;
      const reason = error.reason === 'NotFound' ? 'TaskRunResolutionFailed' : 'TaskRunValidationFailed';
      await this.#finish(key, { type: 'Succeeded', status: 'False', reason, message: describeError(error) });
      return undefined;
    }
  }

  async #advance(taskRun: TaskRun, attempt: number): Promise<boolean> {
    const key = keyOf(kinds.TaskRun, taskRun);
    const spec = taskRun.status?.taskSpec ?? (await this.#resolve(taskRun));
    const pod = await this.#store.get<Pod>(this.#podKey(taskRun, attempt));
    if (!pod) {
      const planned = podForTaskRun(taskRun, spec, attempt);
      await this.#record(key, (status) => ({
        ...status,
        podName: planned.metadata.name,
        startTime: status.startTime ?? timestamp(this.#clock),
        taskSpec: spec,
        conditions: [
          this.#condition(status, { type: 'Succeeded', status: 'Unknown', reason: 'Started', message: '' }),
        ],
      }));
      await createIfAbsent(this.#store, keyOf(kinds.Pod, planned), planned);
      return false;
    }
    const outcome = outcomeOfPod(taskRun, spec, pod);
    if (outcome.done && outcome.condition.status === 'False' && attempt < (taskRun.spec?.retries ?? 0)) {
      await this.#record(key, (status) => retried(status, outcome, timestamp(this.#clock)));
      return false;
    }
    await this.#record(key, (status) => {
      const next = {
        ...status,
        steps: [...outcome.steps],
        results: [...outcome.results],
        conditions: [this.#condition(status, outcome.condition)],
      };
      return outcome.done ? { ...next, completionTime: timestamp(this.#clock) } : next;
    });
    return outcome.done;
  }

  async #resolve(taskRun: TaskRun): Promise<TaskSpec> {
    const { taskSpec, taskRef } = taskRun.spec ?? {};
    if (taskSpec) return taskSpec;
    if (!taskRef?.name)
      throw new TagboatError(`expected taskSpec or taskRef.name in TaskRun ${taskRun.metadata.name}`, {
        reason: 'Invalid',
        retryable: false,
      });
    const task = await this.#store.get<Task>({
      type: kinds.Task,
      namespace: taskRun.metadata.namespace ?? '',
      name: taskRef.name,
    });
    if (!task?.spec)
      throw new TagboatError(
        `there is no Task "${taskRef.name}" in namespace ${taskRun.metadata.namespace}`,
        { reason: 'NotFound', retryable: false },
      );
    return task.spec;
  }

  async #stop(
    taskRun: TaskRun,
    { attempt, condition }: { attempt: number; condition: Condition },
  ): Promise<undefined> {
    const podKey = this.#podKey(taskRun, attempt);
    const pod = await this.#store.get<Pod>(podKey);
    const key = keyOf(kinds.TaskRun, taskRun);
    if (pod && taskRun.status?.taskSpec) {
      const { steps } = outcomeOfPod(taskRun, taskRun.status.taskSpec, pod);
      const reason = condition.reason === 'TaskRunTimeout' ? 'TimeoutExceeded' : 'Cancelled';
      const finishedAt = timestamp(this.#clock);
      const stopped = steps.map(({ running, waiting: _, ...step }) =>
        step.terminated
          ? step
          : {
              ...step,
              terminated: {
                exitCode: 1,
                reason: condition.reason!,
                ...(running ? { startedAt: running.startedAt } : {}),
                finishedAt,
              },
              terminationReason: reason,
            },
      );
      await this.#record(key, (status) => ({ ...status, steps: stopped }));
    }
    if (pod) await deleteIfPresent(this.#store, podKey);
    await this.#finish(key, condition);
    return undefined;
  }

  #timeLeft(taskRun: TaskRun): number {
    const timeout =
      taskRun.spec?.timeout === undefined ? defaultTimeout : parseDuration(taskRun.spec.timeout);
    if (timeout === 0) return Number.POSITIVE_INFINITY;
    const start = taskRun.status?.startTime;
    return start ? Date.parse(start) + timeout - this.#clock.now() : timeout;
  }

  async #pend(key: ResourceKey): Promise<undefined> {
    const condition: Condition = {
      type: 'Succeeded',
      status: 'Unknown',
      reason: 'TaskRunPending',
      message: `TaskRun "${key.name}" is pending`,
    };
    await this.#record(key, (status) => ({ ...status, conditions: [this.#condition(status, condition)] }));
    return undefined;
  }

  async #finish(key: ResourceKey, condition: Condition): Promise<void> {
    const now = timestamp(this.#clock);
    await this.#record(key, (status) =>
      ended({ ...status, startTime: status.startTime ?? now }, condition, now),
    );
  }

  async #record(key: ResourceKey, change: (status: TaskRunStatus) => TaskRunStatus): Promise<void> {
    await mutateStatus<TaskRun>(this.#store, key, (draft) => {
      draft.status = change(draft.status ?? {});
    });
  }

  #condition(status: TaskRunStatus, next: Condition): Condition {
    const before = findCondition(status.conditions, next.type);
    return {
      ...next,
      lastTransitionTime:
        before?.status === next.status && before.reason === next.reason
          ? before.lastTransitionTime!
          : timestamp(this.#clock),
    };
  }

  #podKey(taskRun: TaskRun, attempt: number): ResourceKey {
    return {
      type: kinds.Pod,
      namespace: taskRun.metadata.namespace ?? '',
      name: podNameFor(taskRun.metadata.name, attempt),
    };
  }
}

function retried(
  status: TaskRunStatus,
  outcome: { condition: Condition; steps: readonly object[]; results: readonly object[] },
  now: string,
): TaskRunStatus {
  const { retriesStatus = [], taskSpec, ...attempt } = status;
  const past = {
    ...attempt,
    steps: outcome.steps,
    results: outcome.results,
    conditions: [{ ...outcome.condition, lastTransitionTime: now }],
    completionTime: now,
  } as TaskRunStatus;
  return {
    ...(taskSpec ? { taskSpec } : {}),
    retriesStatus: [...retriesStatus, past],
    conditions: [
      {
        type: 'Succeeded',
        status: 'Unknown',
        reason: 'ToBeRetried',
        message: outcome.condition.message ?? '',
        lastTransitionTime: now,
      },
    ],
  };
}

/** The TaskRun that a changed pod belongs to. */
export function taskRunOfPod(pod: Pod): ResourceKey[] {
  const owner = controllerOf(pod);
  return owner?.kind === 'TaskRun'
    ? [{ type: kinds.TaskRun, namespace: pod.metadata.namespace ?? '', name: owner.name }]
    : [];
}
