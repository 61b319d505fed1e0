import type { Container, ContainerStatus, Pod } from '@tagboat/api';
import { ageColumn, type Column, computed, nameColumn } from './column.ts';
import { since } from './duration.ts';

const isSidecar = (pod: Pod, name: string) =>
  pod.spec?.initContainers?.some(
    (container) => container.name === name && container.restartPolicy === 'Always',
  ) ?? false;

/** What a pod is doing, in a word (pkg/printers `printPod`). */
export function podStatus(pod: Pod): string {
  const { status, metadata } = pod;
  const initializing = initState(pod);
  let reason = initializing ?? status?.reason ?? status?.phase ?? 'Pending';
  if (initializing === undefined) reason = containerState(status?.containerStatuses ?? [], reason);
  if (metadata.deletionTimestamp) return status?.reason === 'NodeLost' ? 'Unknown' : 'Terminating';
  return reason;
}

/** Which init container the pod stands at; undefined when all are done. */
function initState(pod: Pod): string | undefined {
  const total = pod.spec?.initContainers?.length ?? 0;
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0 || (status.started && isSidecar(pod, status.name))) continue;
    if (terminated) {
      if (terminated.reason) return `Init:${terminated.reason}`;
      return terminated.signal ? `Init:Signal:${terminated.signal}` : `Init:ExitCode:${terminated.exitCode}`;
    }
    if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
    return `Init:${index}/${total}`;
  }
  return undefined;
}

function containerState(statuses: readonly ContainerStatus[], phase: string): string {
  let reason = phase;
  let running = false;
  for (const { state, ready } of [...statuses].reverse()) {
    if (state?.waiting?.reason) reason = state.waiting.reason;
    else if (state?.terminated)
      reason =
        state.terminated.reason ??
        (state.terminated.signal
          ? `Signal:${state.terminated.signal}`
          : `ExitCode:${state.terminated.exitCode}`);
    else if (state?.running && ready) running = true;
  }
  if (reason !== 'Completed' || !running) return reason;
  return statuses.every(({ ready }) => ready) ? 'Running' : 'NotReady';
}

function readiness(pod: Pod): string {
  const sidecars: Container[] = (pod.spec?.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  const total = (pod.spec?.containers?.length ?? 0) + sidecars.length;
  const all = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []).filter(({ name }) => isSidecar(pod, name)),
  ];
  return `${all.filter(({ ready, state }) => ready && state?.running).length}/${total}`;
}

function restarts(pod: Pod, now: number): string {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const count = all.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0);
  const last = all
    .map(({ lastState }) => lastState?.terminated?.finishedAt ?? '')
    .sort()
    .at(-1);
  return count > 0 && last ? `${count} (${since(last, now)} ago)` : String(count);
}

const wide = { priority: 1 } as const;
const asPod = (object: unknown) => object as Pod;

export const podColumns: readonly Column[] = [
  nameColumn,
  computed('Ready', (object) => readiness(asPod(object))),
  computed('Status', (object) => podStatus(asPod(object))),
  computed('Restarts', (object, now) => restarts(asPod(object), now)),
  ageColumn,
  computed('IP', (object) => asPod(object).status?.podIP ?? '<none>', wide),
  computed('Node', (object) => asPod(object).spec?.nodeName ?? '<none>', wide),
  computed('Nominated Node', () => '<none>', wide),
  computed('Readiness Gates', () => '<none>', wide),
];
