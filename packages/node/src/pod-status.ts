import {
  type Condition,
  type Container,
  type ContainerStatus,
  findCondition,
  type PodSpec,
  type PodStatus,
  withCondition,
} from '@tagboat/api';

export const isSidecar = (container: Container) => container.restartPolicy === 'Always';

export interface ObservedPod {
  readonly spec: PodSpec;
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
  /** Conditions that are there: the driver's and readiness gates. */
  readonly conditions: readonly Condition[] | undefined;
  readonly now: string;
}

type Phase = NonNullable<PodStatus['phase']>;

/** The phase that the containers' states make (kubernetes pkg/kubelet `getPhase`). */
export function podPhase({ spec, init, main }: Pick<ObservedPod, 'spec' | 'init' | 'main'>): Phase {
  const policy = spec.restartPolicy ?? 'Always';
  const waiting = incompleteInit({ spec, init, main });
  const failedInit = init.some(
    ({ name, state }) => waiting.includes(name) && (state?.terminated?.exitCode ?? 0) !== 0,
  );
  if (failedInit && policy === 'Never') return 'Failed';
  if (waiting.length > 0) return 'Pending';
  const codes = main.map(
    ({ state, lastState }) => state?.terminated ?? (state?.running ? undefined : lastState?.terminated),
  );
  const running = main.filter(({ state }) => state?.running).length;
  const unstarted = main.filter(
    ({ state, lastState }) => !state?.running && !state?.terminated && !lastState?.terminated,
  );
  if (main.length < (spec.containers ?? []).length || unstarted.length > 0)
    return running > 0 || codes.some((code) => code) ? 'Running' : 'Pending';
  if (running > 0) return 'Running';
  if (policy === 'Always' || main.some(({ state }) => !state?.terminated)) return 'Running';
  if (codes.every((code) => code?.exitCode === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** Names of init containers that the pod's own containers still wait for; none once one of those has started. */
export function incompleteInit({
  spec,
  init: statuses,
  main,
}: Pick<ObservedPod, 'spec' | 'init' | 'main'>): string[] {
  if (main.some(({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated))
    return [];
  return (spec.initContainers ?? [])
    .filter((container) => {
      const status = statuses.find(({ name }) => name === container.name);
      if (isSidecar(container)) return !status?.started;
      return status?.state?.terminated?.exitCode !== 0;
    })
    .map(({ name }) => name);
}

/** The pod's conditions as Kubernetes words them (pkg/kubelet/status `generate.go`). */
export function podConditions(pod: ObservedPod, phase: Phase): Condition[] {
  const { spec, init, main, now } = pod;
  const waiting = incompleteInit({ spec, init, main });
  const over = phase === 'Succeeded' ? 'PodCompleted' : phase === 'Failed' ? 'PodFailed' : undefined;
  const initialized: Condition =
    waiting.length > 0 && phase !== 'Succeeded'
      ? notYet(
          'Initialized',
          'ContainersNotInitialized',
          `containers with incomplete status: [${waiting.join(' ')}]`,
        )
      : { type: 'Initialized', status: 'True', ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) };
  const unready = [...(spec.initContainers ?? []).filter(isSidecar), ...(spec.containers ?? [])].filter(
    ({ name }) => ![...init, ...main].find((status) => status.name === name)?.ready,
  );
  const containers: Condition = over
    ? { type: 'ContainersReady', status: 'False', reason: over }
    : unready.length > 0
      ? notYet(
          'ContainersReady',
          'ContainersNotReady',
          `containers with unready status: [${unready.map(({ name }) => name).join(' ')}]`,
        )
      : { type: 'ContainersReady', status: 'True' };
  const ready = readyCondition(pod, containers);
  const started: Condition = {
    type: 'PodReadyToStartContainers',
    status: over || [...init, ...main].every(({ state }) => state?.waiting) ? 'False' : 'True',
  };
  return [started, initialized, ready, containers].reduce<Condition[]>(
    (all, condition) => withCondition(all, condition, now),
    [...(pod.conditions ?? [])],
  );
}

function readyCondition({ spec, conditions }: ObservedPod, containers: Condition): Condition {
  const gates = (spec.readinessGates ?? []).filter(
    ({ conditionType }) => findCondition(conditions, conditionType)?.status !== 'True',
  );
  if (containers.status !== 'True' || gates.length === 0) return { ...containers, type: 'Ready' };
  const names = gates.map(({ conditionType }) => `"${conditionType}"`).join(', ');
  return notYet('Ready', 'ReadinessGatesNotReady', `the conditions ${names} are not True`);
}

const notYet = (type: string, reason: string, message: string): Condition => ({
  type,
  status: 'False',
  reason,
  message,
});

/** Quality of service as Kubernetes classes it (pkg/apis/core/v1/helper/qos). */
export function qosClass(spec: PodSpec): NonNullable<PodStatus['qosClass']> {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  const declares = ({ resources }: Container) =>
    [resources?.requests, resources?.limits].some((amounts) => amounts?.cpu || amounts?.memory);
  if (!containers.some(declares)) return 'BestEffort';
  const guaranteed = containers.every(({ resources: { limits, requests } = {} }) =>
    (['cpu', 'memory'] as const).every(
      (name) =>
        limits?.[name] !== undefined && String(requests?.[name] ?? limits[name]) === String(limits[name]),
    ),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
