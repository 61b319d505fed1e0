import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '@tagboat/api';

/** Why a pod is over, where its containers' states do not say so. */
export type PodEnding = Pick<PodStatus, 'phase' | 'reason' | 'message'>;

export interface BeginningStates {
  readonly states: readonly {
    readonly container: Container;
    readonly state: ContainerState;
    readonly more: Partial<ContainerStatus>;
  }[];
  /** Set where the pod was lost with an earlier life of the platform, and may not run again. */
  readonly ending?: PodEnding;
}

/** The states that containers have before they start; a pod taken up again has lost those of before. Pure. */
export function beginningStates(pod: Pod, now: string): BeginningStates {
  const { spec, status: old } = pod;
  const before = new Map(
    [...(old?.initContainerStatuses ?? []), ...(old?.containerStatuses ?? [])].map((status) => [
      status.name,
      status,
    ]),
  );
  const init = spec?.initContainers ?? [];
  const reason = init.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  let ending: PodEnding | undefined;
  const states = [...init, ...(spec?.containers ?? [])].map((container) => {
    const status = before.get(container.name);
    const lost = status?.state?.running;
    if (lost && spec?.restartPolicy === 'Never') ending = lostPod;
    const restartCount = status?.restartCount ?? 0;
    if (!lost) return { container, state: { waiting: { reason } }, more: { restartCount } };
    const lastState = lostState(lost.startedAt, now);
    return ending
      ? { container, state: lastState, more: { restartCount } }
      : { container, state: { waiting: { reason } }, more: { restartCount, lastState } };
  });
  return { states, ...(ending ? { ending } : {}) };
}

const lostPod: PodEnding = {
  phase: 'Failed',
  reason: 'NodeRestarted',
  message: 'the platform ended while the pod ran, and its restartPolicy is Never',
};

const lostState = (startedAt: string, finishedAt: string) => ({
  terminated: {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'the platform ended while the container ran',
    startedAt,
    finishedAt,
  },
});
