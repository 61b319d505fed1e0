import type { Pod } from '@tagboat/api';

/** `modelStatus.lastFailureInfo` of an InferenceService (serving.kserve.io/v1beta1). */
export interface FailureInfo {
  readonly reason: string;
  readonly message: string;
  readonly exitCode?: number;
}

/** How a container ends that somebody else ended (128 + SIGKILL, SIGTERM). */
const killed = new Set([137, 143]);
const starting = new Set(['ContainerCreating', 'PodInitializing']);

/** Why a pod's container does not run; undefined where it is ready, or is only about to be. */
export function podFailure({ status }: Pod): FailureInfo | undefined {
  for (const { state, lastState, ready } of status?.containerStatuses ?? []) {
    const ended = state?.terminated ?? (ready ? undefined : lastState?.terminated);
    if (ended && ended.exitCode !== 0 && !(state?.running && killed.has(ended.exitCode)))
      return {
        reason: 'ModelLoadFailed',
        message: `the model server ended with code ${ended.exitCode}${ended.message ? `: ${lastLine(ended.message)}` : ''}`,
        exitCode: ended.exitCode,
      };
    const { reason = '', message = '' } = state?.waiting ?? {};
    if (reason && !starting.has(reason)) return { reason, message: message || reason };
  }
  return undefined;
}

const lastLine = (text: string) => text.trim().split('\n').at(-1)!.slice(0, 1000);
