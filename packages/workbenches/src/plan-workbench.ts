import {
  findCondition,
  type Notebook,
  notebookAnnotations,
  type Pod,
  type WorkbenchPhase,
} from '@tagboat/api';
import { hashOfPod } from './pod-of.ts';

export interface ObservedWorkbench {
  readonly notebook: Notebook;
  readonly pod: Pod | undefined;
  /** What the pod's template hash should be. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface WorkbenchPlan {
  readonly pod: 'create' | 'delete' | 'keep' | 'none';
  readonly phase: WorkbenchPhase;
  readonly message: string;
  /** Look again after so many milliseconds. */
  readonly again?: number;
}

/** A pod that failed is made anew after this long, so that what was mended meanwhile (a network, a disk) is noticed. */
const retryAfter = 30_000;

/** What to do about the pod of a workbench, and what to say of it. */
export function planWorkbench({ notebook, pod, hash, now }: ObservedWorkbench): WorkbenchPlan {
  if (notebook.metadata.deletionTimestamp) return ending(pod, 'Deleting', 'is being deleted');
  const stopped = notebook.metadata.annotations?.[notebookAnnotations.stopped];
  if (stopped !== undefined) return ending(pod, 'Stopping', `stopped ${stopped}`);
  if (!pod) return { pod: 'create', phase: 'Starting', message: 'starts' };
  if (pod.metadata.deletionTimestamp)
    return { pod: 'keep', phase: 'Starting', message: 'the one before ends' };
  if (hashOfPod(pod) !== hash)
    return { pod: 'delete', phase: 'Starting', message: 'starts anew, as declared now' };
  const { phase } = pod.status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded') return failed(pod, now);
  if (findCondition(pod.status?.conditions, 'Ready')?.status === 'True')
    return { pod: 'keep', phase: 'Running', message: unmet(pod) };
  const waiting = pod.status?.containerStatuses?.find(
    ({ state }) => state?.waiting?.reason === 'CrashLoopBackOff',
  );
  const message = waiting
    ? (reasonIn(waiting.lastState?.terminated?.message) ?? waiting.state?.waiting?.message)
    : undefined;
  return { pod: 'keep', phase: 'Starting', message: message ?? 'starts' };
}

/** The error in the last that a container said. */
function reasonIn(words: string | undefined): string | undefined {
  const line = words?.split('\n').findLast((candidate) => /^\s*(error|[A-Z]\w*Error):/.test(candidate));
  return line === undefined ? undefined : `${line.trim()}; tries again`;
}

/** What of the size that was chosen this host does not apply, as the node says it of the pod. */
function unmet({ status }: Pod): string {
  const limits = findCondition(status?.conditions, 'ResourceLimitsApplied');
  return limits?.status === 'False' ? (limits.message ?? '') : '';
}

function ending(pod: Pod | undefined, phase: 'Stopping' | 'Deleting', message: string): WorkbenchPlan {
  if (!pod) return { pod: 'none', phase: phase === 'Stopping' ? 'Stopped' : phase, message };
  return { pod: pod.metadata.deletionTimestamp ? 'keep' : 'delete', phase, message };
}

function failed(pod: Pod, now: number): WorkbenchPlan {
  const at = Date.parse(findCondition(pod.status?.conditions, 'PodScheduled')?.lastTransitionTime ?? '');
  const left = Number.isNaN(at) ? retryAfter : at + retryAfter - now;
  const message = pod.status?.message ?? pod.status?.reason ?? 'its pod ended';
  return left <= 0
    ? { pod: 'delete', phase: 'Failed', message }
    : { pod: 'keep', phase: 'Failed', message, again: left };
}
