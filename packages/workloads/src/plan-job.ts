import type { Condition, Job, JobStatus, Pod, PodFailureRule } from '@tagboat/api';
import { findCondition } from '@tagboat/api';
import { isEnding, isOver } from './owned-pods.ts';

export const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
export const jobFinalizer = 'batch.kubernetes.io/job-tracking';

export interface ObservedJob {
  readonly job: Job;
  /** The pods that the job controls. */
  readonly pods: readonly Pod[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface JobPlan {
  /** Indexes of pods to create; undefined stands for a pod without one. */
  readonly create: readonly (number | undefined)[];
  readonly remove: readonly Pod[];
  /** The status without its active counts. */
  readonly counts: Pick<JobStatus, 'succeeded' | 'failed' | 'completedIndexes' | 'uncountedTerminatedPods'>;
  /** The condition that ends the job. */
  readonly ends?: Pick<Condition, 'type' | 'reason' | 'message'>;
  /** Look again after so many milliseconds. */
  readonly again?: number;
}

/** Pods that one look creates (kubernetes `MaxPodCreateDeletePerSync`); the next one creates more. */
const mostCreated = 500;
const firstBackOff = 10_000;
const longestBackOff = 360_000;

/**
 * What a Job needs next (kubernetes pkg/controller/job). Ended pods are counted once: first they are listed as
 * uncounted, then they lose their finalizer, then they are counted and leave the list.
 */
export function planJob(observed: ObservedJob): JobPlan {
  const { job, pods, now } = observed;
  const counts = countPods(observed);
  const active = pods.filter((pod) => !isOver(pod) && !isEnding(pod));
  if (finished(job)) return { create: [], remove: active, counts };
  const ends = endOf(observed, counts, active);
  if (ends) return { create: [], remove: active, counts, ends };
  if (job.spec!.suspend) return { create: [], remove: active, counts };
  const missing = missingPods(job, active, counts);
  if (missing.create.length === 0) return { ...missing, counts, ...deadlineWait(job, now) };
  const wait = backOffWait(observed, counts);
  return wait > 0
    ? { create: [], remove: missing.remove, counts, again: wait }
    : { ...missing, counts, ...deadlineWait(job, now) };
}

export function finished(job: Job): Condition | undefined {
  return ['Complete', 'Failed']
    .map((type) => findCondition(job.status?.conditions, type))
    .find((condition) => condition?.status === 'True');
}

export const isIndexed = (job: Job) => job.spec?.completionMode === 'Indexed';

export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexAnnotation];
  return text === undefined ? undefined : Number(text);
}

const all = (counts: JobPlan['counts']) => ({
  succeeded: (counts.succeeded ?? 0) + (counts.uncountedTerminatedPods?.succeeded?.length ?? 0),
  failed: (counts.failed ?? 0) + (counts.uncountedTerminatedPods?.failed?.length ?? 0),
});

function countPods({ job, pods }: ObservedJob): JobPlan['counts'] {
  const before = job.status ?? {};
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
  const held = (uid: string) => byUid.get(uid)?.metadata.finalizers?.includes(jobFinalizer) ?? false;
  const listed = {
    succeeded: before.uncountedTerminatedPods?.succeeded ?? [],
    failed: before.uncountedTerminatedPods?.failed ?? [],
  };
  const known = new Set([...listed.succeeded, ...listed.failed]);
  const fresh = pods.filter(
    (pod) => isOver(pod) && held(pod.metadata.uid ?? '') && !known.has(pod.metadata.uid ?? ''),
  );
  const done = fresh.filter((pod) => pod.status?.phase === 'Succeeded');
  const failed = fresh.filter(
    (pod) => pod.status?.phase === 'Failed' && ruleOf(job, pod)?.action !== 'Ignore',
  );
  const uidOf = (pod: Pod) => pod.metadata.uid ?? '';
  const still = {
    succeeded: [...listed.succeeded.filter(held), ...done.map(uidOf)],
    failed: [...listed.failed.filter(held), ...failed.map(uidOf)],
  };
  const counted = (list: readonly string[]) => list.filter((uid) => !held(uid)).length;
  const indexes = new Set(parseIndexes(before.completedIndexes ?? ''));
  for (const pod of done) {
    const index = indexOf(pod);
    if (index !== undefined && index < (job.spec?.completions ?? 0)) indexes.add(index);
  }
  return {
    succeeded: (before.succeeded ?? 0) + counted(listed.succeeded),
    failed: (before.failed ?? 0) + counted(listed.failed),
    uncountedTerminatedPods: still,
    ...(isIndexed(job) ? { completedIndexes: formatIndexes([...indexes]) } : {}),
  };
}

function endOf(
  { job, pods, now }: ObservedJob,
  counts: JobPlan['counts'],
  active: readonly Pod[],
): JobPlan['ends'] {
  const { spec, status } = job;
  const { succeeded, failed } = all(counts);
  const doomed = pods.find((pod) => pod.status?.phase === 'Failed' && ruleOf(job, pod)?.action === 'FailJob');
  if (doomed)
    return {
      type: 'Failed',
      reason: 'PodFailurePolicy',
      message: `Pod ${doomed.metadata.namespace}/${doomed.metadata.name} failed, and the podFailurePolicy has action FailJob for it`,
    };
  const limit = spec?.backoffLimit ?? 6;
  const restarts =
    spec?.template.spec.restartPolicy === 'OnFailure'
      ? active
          .flatMap((pod) => [
            ...(pod.status?.initContainerStatuses ?? []),
            ...(pod.status?.containerStatuses ?? []),
          ])
          .reduce((sum, container) => sum + container.restartCount, 0)
      : 0;
  if (failed > limit || (restarts > 0 && restarts >= limit))
    return {
      type: 'Failed',
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    };
  const deadline = deadlineOf(job);
  if (status?.startTime && !spec?.suspend && deadline !== undefined && now >= deadline)
    return {
      type: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Job was active longer than specified deadline',
    };
  const wanted = spec?.completions;
  const done = isIndexed(job) ? parseIndexes(counts.completedIndexes ?? '').length : succeeded;
  const complete = wanted === undefined ? succeeded > 0 && active.length === 0 : done >= wanted;
  return complete
    ? { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    : undefined;
}

function missingPods(
  job: Job,
  active: readonly Pod[],
  counts: JobPlan['counts'],
): Pick<JobPlan, 'create' | 'remove'> {
  const parallelism = job.spec?.parallelism ?? 1;
  const { succeeded } = all(counts);
  const completions = job.spec?.completions;
  if (isIndexed(job)) {
    const taken = new Set([
      ...parseIndexes(counts.completedIndexes ?? ''),
      ...active.map((pod) => indexOf(pod) ?? -1),
    ]);
    const free: number[] = [];
    for (let index = 0; index < (completions ?? 0) && free.length < mostCreated; index++)
      if (!taken.has(index)) free.push(index);
    return {
      create: free.slice(0, Math.max(0, parallelism - active.length)),
      remove: surplus(active, parallelism),
    };
  }
  const left =
    completions === undefined ? (succeeded > 0 ? active.length : parallelism) : completions - succeeded;
  const wanted = Math.min(parallelism, left);
  return {
    create: Array.from(
      { length: Math.min(mostCreated, Math.max(0, wanted - active.length)) },
      () => undefined,
    ),
    remove: surplus(active, wanted),
  };
}

/** The youngest go first. */
function surplus(active: readonly Pod[], wanted: number): Pod[] {
  return [...active]
    .sort((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
    .slice(0, Math.max(0, active.length - wanted));
}

/** Milliseconds until a new pod may follow one that failed. */
function backOffWait({ job, pods, now }: ObservedJob, counts: JobPlan['counts']): number {
  const { failed } = all(counts);
  const lastEnd = Math.max(0, ...pods.filter((pod) => pod.status?.phase === 'Failed').map(endTime));
  const lastSuccess = Math.max(0, ...pods.filter((pod) => pod.status?.phase === 'Succeeded').map(endTime));
  if (failed === 0 || lastEnd === 0 || lastSuccess > lastEnd || ruleIgnoresAll(job, pods)) return 0;
  return lastEnd + Math.min(firstBackOff * 2 ** (failed - 1), longestBackOff) - now;
}

const ruleIgnoresAll = (job: Job, pods: readonly Pod[]) =>
  pods.filter((pod) => pod.status?.phase === 'Failed').every((pod) => ruleOf(job, pod)?.action === 'Ignore');

function endTime(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ''),
  );
  return Math.max(
    Date.parse(pod.metadata.creationTimestamp ?? ''),
    ...ends.filter((end) => !Number.isNaN(end)),
  );
}

function deadlineOf({ spec, status }: Job): number | undefined {
  return spec?.activeDeadlineSeconds === undefined || !status?.startTime
    ? undefined
    : Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000;
}

function deadlineWait(job: Job, now: number): { again?: number } {
  const deadline = deadlineOf(job);
  return deadline === undefined ? {} : { again: Math.max(1, deadline - now) };
}

/** The first rule of the podFailurePolicy that fits a failed pod. */
function ruleOf(job: Job, pod: Pod): PodFailureRule | undefined {
  return job.spec?.podFailurePolicy?.rules?.find(({ onExitCodes, onPodConditions }) => {
    if (onPodConditions)
      return onPodConditions.some(
        ({ type, status = 'True' }) => findCondition(pod.status?.conditions, type)?.status === status,
      );
    if (!onExitCodes) return false;
    const { containerName, operator, values } = onExitCodes;
    return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
      .filter(({ name }) => containerName === undefined || name === containerName)
      .map(({ state }) => state?.terminated?.exitCode ?? 0)
      .some((code) => code !== 0 && values.includes(code) === (operator === 'In'));
  });
}

/** `0,2-4` as numbers. */
export function parseIndexes(text: string): number[] {
  return text
    .split(',')
    .filter(Boolean)
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
    });
}

export function formatIndexes(indexes: readonly number[]): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const index of sorted) {
    const last = ranges.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
