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

/** The steps of a pod that was ended from outside. */
export function stoppedSteps(
  steps: readonly StepState[],
  reason: 'TaskRunCancelled' | 'TaskRunTimeout',
  now: string,
): StepState[] {
  return steps.map(({ running, waiting: _, ...step }) => {
    if (step.terminated) return step;
    const message = `Step ${step.name} terminated as pod ${reason === 'TaskRunTimeout' ? 'timed out' : 'was cancelled'}`;
    return {
      ...step,
      terminated: {
        exitCode: 1,
        reason,
        message,
        ...(running ? { startedAt: running.startedAt } : {}),
        finishedAt: now,
      },
      terminationReason: reason === 'TaskRunTimeout' ? 'TimeoutExceeded' : 'Cancelled',
    };
  });
}
