import {
  type Condition,
  controllerOf,
  findCondition,
  type Job,
  type JobStatus,
  keyOf,
  kinds,
  type Pod,
  type ResourceKey,
  withCondition,
} from '@tagboat/api';
import { canonicalJson, shortened, shortHash, timestamp } from '@tagboat/base';
import { Controller, type EventRecorder, type EventText, type Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutate, mutateStatus } from '@tagboat/store';
import {
  isEnding,
  isOver,
  isReady,
  ownerKeys,
  podOf,
  recorder,
  releasePod,
  type WorkloadOptions,
} from './owned-pods.ts';
import { finished, indexAnnotation, type JobPlan, jobFinalizer, planJob } from './plan-job.ts';

/** Runs Jobs to their completion. */
export function jobController(options: WorkloadOptions): Controller {
  const events = recorder(options, 'job-controller');
  return new Controller({
    name: 'job',
    reader: options.store,
    type: kinds.Job,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => new JobRun(options, events, key).reconcile() },
    watches: [{ type: kinds.Pod, keys: ownerKeys(kinds.Job) }],
  });
}

class JobRun {
  readonly #options: WorkloadOptions;
  readonly #events: EventRecorder;
  readonly #key: ResourceKey;

  constructor(options: WorkloadOptions, events: EventRecorder, key: ResourceKey) {
    this.#options = options;
    this.#events = events;
    this.#key = key;
  }

  async reconcile(): Promise<Result> {
    const { store, clock } = this.#options;
    const found = await store.get<Job>(this.#key);
    if (!found?.spec) return undefined;
    if (found.metadata.deletionTimestamp) return this.#letGo(found);
    const job = await this.#withSelector(found);
    const pods = await this.#pods(job);
    const plan = planJob({ job, pods, now: clock.now() });
    const reported = await this.#report(job, pods, plan);
    // Only what the status lists may lose its finalizer.
    const { succeeded = [], failed = [] } = reported.status?.uncountedTerminatedPods ?? {};
    const listed = new Set([...succeeded, ...failed]);
    const over = pods.filter(
      (pod) =>
        isOver(pod) && (listed.has(pod.metadata.uid ?? '') || finished(reported) || ignored(pod, plan)),
    );
    await Promise.all(over.map((pod) => releasePod(store, pod, jobFinalizer)));
    for (const pod of plan.remove) await this.#remove(job, pod);
    await this.#create(job, pods, plan.create);
    return this.#again(reported, plan);
  }

  /** The pods of a job that goes are not to be counted any more. */
  async #letGo(job: Job): Promise<undefined> {
    for (const pod of await this.#pods(job)) await releasePod(this.#options.store, pod, jobFinalizer);
  }

  /** Jobs select their pods by uid, unless their own selector says otherwise. */
  async #withSelector(job: Job): Promise<Job> {
    if (job.spec!.manualSelector || job.spec!.selector) return job;
    const { uid = '', name } = job.metadata;
    return mutate<Job>(this.#options.store, this.#key, (draft) => {
      const spec = draft.spec!;
      spec.selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
      spec.template.metadata = {
        ...spec.template.metadata,
        labels: {
          ...spec.template.metadata?.labels,
          'batch.kubernetes.io/controller-uid': uid,
          'batch.kubernetes.io/job-name': name,
          'controller-uid': uid,
          'job-name': name,
        },
      };
      if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
      spec.parallelism ??= 1;
      spec.backoffLimit ??= 6;
      spec.completionMode ??= 'NonIndexed';
      spec.suspend ??= false;
    });
  }

  async #pods(job: Job): Promise<Pod[]> {
    const { items } = await this.#options.store.list<Pod>(kinds.Pod, { namespace: this.#key.namespace });
    return items.filter((pod) => controllerOf(pod)?.uid === job.metadata.uid);
  }

  async #create(job: Job, pods: readonly Pod[], indexes: JobPlan['create']): Promise<void> {
    const { store } = this.#options;
    const names = new Set(pods.map((pod) => pod.metadata.name));
    const began = (job.status?.failed ?? 0) + (job.status?.succeeded ?? 0) + pods.length;
    for (const [offset, index] of indexes.entries()) {
      const pod = this.#podOf(job, index, began + offset);
      for (let attempt = 1; names.has(pod.metadata.name); attempt++)
        pod.metadata.name = this.#podName(job, index, `${began + offset}/${attempt}`);
      names.add(pod.metadata.name);
      await createIfAbsent(store, keyOf(kinds.Pod, pod), pod);
      this.#event(job, {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `Created pod: ${pod.metadata.name}`,
      });
    }
  }

  #podOf(job: Job, index: number | undefined, attempt: number): Pod {
    const pod = podOf(job, job.spec!.template, this.#podName(job, index, String(attempt)));
    pod.metadata.finalizers = [jobFinalizer];
    if (index === undefined) return pod;
    pod.metadata.annotations = { ...pod.metadata.annotations, [indexAnnotation]: String(index) };
    pod.metadata.labels = { ...pod.metadata.labels, [indexAnnotation]: String(index) };
    const variable = {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${indexAnnotation}']` } },
    };
    const withIndex = (list: NonNullable<Pod['spec']>['containers'] = []) =>
      list.map((container) => ({ ...container, env: [...(container.env ?? []), variable] }));
    pod.spec = {
      ...pod.spec!,
      hostname: shortened(`${job.metadata.name}-${index}`),
      containers: withIndex(pod.spec!.containers),
      ...(pod.spec!.initContainers ? { initContainers: withIndex(pod.spec!.initContainers) } : {}),
    };
    return pod;
  }

  #podName(job: Job, index: number | undefined, attempt: string): string {
    const middle = index === undefined ? '' : `-${index}`;
    return shortened(
      `${job.metadata.name}${middle}-${shortHash([job.metadata.uid ?? '', String(index), attempt], 5)}`,
    );
  }

  async #remove(job: Job, pod: Pod): Promise<void> {
    const { store } = this.#options;
    await releasePod(store, pod, jobFinalizer);
    await deleteIfPresent(store, keyOf(kinds.Pod, pod));
    this.#event(job, {
      type: 'Normal',
      reason: 'SuccessfulDelete',
      message: `Deleted pod: ${pod.metadata.name}`,
    });
  }

  async #report(job: Job, pods: readonly Pod[], plan: JobPlan): Promise<Job> {
    const { store, clock } = this.#options;
    const now = timestamp(clock);
    const removed = new Set(plan.remove);
    const active = pods.filter((pod) => !isOver(pod) && !isEnding(pod) && !removed.has(pod));
    const suspended = job.spec!.suspend ?? false;
    const ends = plan.ends;
    const conditions = ends ? ending(job, ends, now) : suspension(job, suspended, now);
    const startTime = suspended ? undefined : (job.status?.startTime ?? now);
    const status: JobStatus = {
      ...(startTime ? { startTime } : {}),
      ...(job.status?.completionTime ? { completionTime: job.status.completionTime } : {}),
      active: active.length + plan.create.length,
      ready: active.filter(isReady).length,
      terminating: pods.filter((pod) => !isOver(pod) && (isEnding(pod) || removed.has(pod))).length,
      ...plan.counts,
      ...(conditions ? { conditions } : {}),
      ...(ends?.type === 'Complete' ? { completionTime: now } : {}),
    };
    if (canonicalJson(status) === canonicalJson(job.status ?? {})) return job;
    const reported = await mutateStatus<Job>(store, this.#key, (draft) => {
      draft.status = status;
    });
    this.#tell(job, plan, suspended);
    return reported;
  }

  #tell(job: Job, { ends }: JobPlan, suspended: boolean): void {
    if (ends?.type === 'Complete')
      this.#event(job, { type: 'Normal', reason: 'Completed', message: 'Job completed' });
    else if (ends)
      this.#event(job, { type: 'Warning', reason: ends.reason ?? '', message: ends.message ?? '' });
    const was = findCondition(job.status?.conditions, 'Suspended')?.status === 'True';
    if (suspended && !was)
      this.#event(job, { type: 'Normal', reason: 'Suspended', message: 'Job suspended' });
    if (!suspended && was) this.#event(job, { type: 'Normal', reason: 'Resumed', message: 'Job resumed' });
  }

  #event(job: Job, text: EventText): void {
    this.#events.record(job, text);
  }

  /** Finished jobs go after their time to live. */
  async #again(job: Job, plan: JobPlan): Promise<Result> {
    const { store, clock } = this.#options;
    const end = finished(job);
    const ttl = job.spec!.ttlSecondsAfterFinished;
    if (!end || ttl === undefined) return plan.again === undefined ? undefined : { again: plan.again };
    const left = Date.parse(end.lastTransitionTime ?? timestamp(clock)) + ttl * 1000 - clock.now();
    if (left > 0) return { again: left };
    await deleteIfPresent(store, this.#key);
    return undefined;
  }
}

/** Pods that a rule says not to count lose their finalizer too. */
function ignored(pod: Pod, { counts }: JobPlan): boolean {
  const { succeeded = [], failed = [] } = counts.uncountedTerminatedPods ?? {};
  return isOver(pod) && ![...succeeded, ...failed].includes(pod.metadata.uid ?? '');
}

function ending(job: Job, ends: NonNullable<JobPlan['ends']>, now: string): Condition[] {
  const first = ends.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  return [first, ends.type].reduce<Condition[]>(
    (conditions, type) => withCondition(conditions, { ...ends, type, status: 'True' }, now),
    [...(job.status?.conditions ?? [])],
  );
}

function suspension(job: Job, suspended: boolean, now: string): Condition[] | undefined {
  const before = findCondition(job.status?.conditions, 'Suspended');
  if (!suspended && !before) return job.status?.conditions;
  const reason = suspended ? 'JobSuspended' : 'JobResumed';
  const message = suspended ? 'Job suspended' : 'Job resumed';
  return withCondition(
    job.status?.conditions,
    { type: 'Suspended', status: suspended ? 'True' : 'False', reason, message },
    now,
  );
}
