import type { ContainerState, RunResult } from '@tagboat/api';

/** How a step ended. `Continued`: it failed, and the task goes on. */
export interface StepEnd {
  readonly exitCode: number;
  readonly reason?: 'TimeoutExceeded' | 'Skipped' | 'Continued';
  /** It failed since it took more memory than it may. */
  readonly outOfMemory?: boolean;
}

/** A container's state after its step, with what Tekton's entrypoint would leave in the termination message. */
export function terminatedStep(
  { exitCode, reason, outOfMemory }: StepEnd,
  facts: {
    startedAt: string;
    finishedAt: string;
    results: readonly RunResult[];
    /** To the millisecond, since an object's own times are whole seconds. */
    exact?: { startedAt: number; finishedAt: number };
  },
): ContainerState {
  const { startedAt, finishedAt, results, exact } = facts;
  const continued = reason === 'Continued';
  const internal: RunResult[] = [
    ...results,
    { key: 'StartedAt', value: exact ? new Date(exact.startedAt).toISOString() : startedAt, type: 3 },
    ...(exact
      ? [{ key: 'FinishedAt', value: new Date(exact.finishedAt).toISOString(), type: 3 as const }]
      : []),
    ...(reason && !continued ? [{ key: 'Reason', value: reason, type: 3 as const }] : []),
    ...(continued ? [{ key: 'ExitCode', value: String(exitCode), type: 3 as const }] : []),
  ];
  const failed = exitCode !== 0 && !continued;
  return {
    terminated: {
      exitCode: continued ? 0 : exitCode,
      reason: !failed ? 'Completed' : outOfMemory ? 'OOMKilled' : 'Error',
      message: JSON.stringify(internal),
      startedAt,
      finishedAt,
    },
  };
}
