import type { Condition, StepState, TaskRunStatus } from '@tagboat/api';

/** The status after an attempt that will be repeated: the attempt goes to `retriesStatus` (Tekton's `retryTaskRun`). */
export function retried(status: TaskRunStatus, condition: Condition, now: string): TaskRunStatus {
  const { retriesStatus = [], taskSpec, provenance, ...attempt } = status;
  return {
    ...(taskSpec ? { taskSpec } : {}),
    ...(provenance ? { provenance } : {}),
    retriesStatus: [
      ...retriesStatus,
      {
        ...attempt,
        ...(provenance ? { provenance } : {}),
        conditions: [{ ...condition, lastTransitionTime: now }],
        completionTime: now,
      },
    ],
    conditions: [
      {
        type: 'Succeeded',
        status: 'Unknown',
        reason: 'ToBeRetried',
        message: condition.message ?? '',
        lastTransitionTime: now,
      },
    ],
  };
}

/** How a TaskRun was ended from outside. */
export interface Stop {
  readonly reason: 'TaskRunCancelled' | 'TaskRunTimeout';
  readonly pod: string;
  readonly createdAt: string;
  readonly now: string;
}

/** The steps of a pod that was ended from outside (Tekton's `terminateStepsInPod`). */
export function stoppedSteps(
  steps: readonly StepState[],
  { reason, pod, createdAt, now }: Stop,
): StepState[] {
  return steps.map(({ running, waiting: _, ...step }) => {
    if (step.terminated) return step;
    return {
      ...step,
      terminated: {
        exitCode: 1,
        reason,
        message: `Step ${step.name} terminated as pod ${pod} is terminated`,
        startedAt: running?.startedAt ?? createdAt,
        finishedAt: now,
      },
      terminationReason: reason,
    };
  });
}
