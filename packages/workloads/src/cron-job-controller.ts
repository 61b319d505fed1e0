import {
  type CronJob,
  type CronJobStatus,
  controllerOf,
  type Job,
  keyOf,
  kinds,
  ownedBy,
  type ResourceKey,
} from '@tagboat/api';
import { canonicalJson, describeError, isReason, shortened, timestamp } from '@tagboat/base';
import { Controller, type EventRecorder, type Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutateStatus } from '@tagboat/store';
import { ownerKeys, recorder, type WorkloadOptions } from './owned-pods.ts';
import { finished } from './plan-job.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
const longestName = 52;

/** Creates Jobs by schedules (kubernetes pkg/controller/cronjob); what was missed while nothing ran is made up for once. */
export function cronJobController(options: WorkloadOptions): Controller {
  const events = recorder(options, 'cronjob-controller');
  return new Controller({
    name: 'cronjob',
    reader: options.store,
    type: kinds.CronJob,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => new CronRun(options, events, key).reconcile() },
    watches: [{ type: kinds.Job, keys: ownerKeys(kinds.CronJob) }],
  });
}

class CronRun {
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
    const cron = await store.get<CronJob>(this.#key);
    if (!cron?.spec || cron.metadata.deletionTimestamp) return undefined;
    const jobs = await this.#jobs(cron);
    const kept = await this.#prune(cron, jobs);
    const schedule = this.#schedule(cron);
    const due = schedule && !cron.spec.suspend ? this.#due(cron, schedule) : undefined;
    const started = due ? await this.#start(cron, kept, due) : undefined;
    await this.#report(cron, started ? [...kept, started] : kept, started ? due : undefined);
    const next = schedule?.next(new Date(clock.now()), due ?? sinceOf(cron));
    return next && !cron.spec.suspend ? { again: next.getTime() - clock.now() } : undefined;
  }

  async #jobs(cron: CronJob): Promise<Job[]> {
    const { items } = await this.#options.store.list<Job>(kinds.Job, { namespace: this.#key.namespace });
    return items.filter((job) => controllerOf(job)?.uid === cron.metadata.uid);
  }

  #schedule(cron: CronJob): Schedule | undefined {
    try {
      return parseSchedule(cron.spec!.schedule, cron.spec!.timeZone);
    } catch (error) {
      if (!isReason(error, 'Invalid')) throw error;
      this.#warn(cron, cron.spec!.timeZone ? 'UnknownTimeZone' : 'UnparseableSchedule', describeError(error));
      return undefined;
    }
  }

  /** The last time that is due and was not handled, unless it is too late for it. */
  #due(cron: CronJob, schedule: Schedule): Date | undefined {
    const now = new Date(this.#options.clock.now());
    const deadline = cron.spec!.startingDeadlineSeconds;
    const last = schedule.last(sinceOf(cron), now);
    if (!last) return undefined;
    if (deadline === undefined || now.getTime() - last.getTime() <= deadline * 1000) return last;
    this.#warn(cron, 'MissSchedule', `Missed scheduled time to start a job: ${last.toISOString()}`);
    return undefined;
  }

  async #start(cron: CronJob, jobs: readonly Job[], due: Date): Promise<Job | undefined> {
    const { store } = this.#options;
    const active = jobs.filter((job) => !finished(job));
    const policy = cron.spec!.concurrencyPolicy ?? 'Allow';
    const job = jobFor(cron, due);
    if (active.some(({ metadata }) => metadata.name === job.metadata.name)) return job;
    if (policy === 'Forbid' && active.length > 0) {
      this.#normal(
        cron,
        'JobAlreadyActive',
        'Not starting job because prior execution is running and concurrency policy is Forbid',
      );
      return undefined;
    }
    if (policy === 'Replace')
      for (const other of active) {
        await deleteIfPresent(store, keyOf(kinds.Job, other));
        this.#normal(cron, 'SuccessfulDelete', `Deleted job ${other.metadata.name}`);
      }
    const created = await createIfAbsent(store, keyOf(kinds.Job, job), job);
    this.#normal(cron, 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return created;
  }

  /** Deletes finished jobs beyond the history limits, the oldest first. */
  async #prune(cron: CronJob, jobs: readonly Job[]): Promise<Job[]> {
    const limits = {
      Complete: cron.spec!.successfulJobsHistoryLimit ?? 3,
      Failed: cron.spec!.failedJobsHistoryLimit ?? 1,
    };
    const gone = new Set<Job>();
    for (const [type, limit] of Object.entries(limits)) {
      const ended = jobs
        .filter((job) => finished(job)?.type === type)
        .sort((a, b) => (a.status?.startTime ?? '').localeCompare(b.status?.startTime ?? ''));
      for (const job of ended.slice(0, Math.max(0, ended.length - limit))) gone.add(job);
    }
    for (const job of gone) {
      await deleteIfPresent(this.#options.store, keyOf(kinds.Job, job));
      this.#normal(cron, 'SuccessfulDelete', `Deleted job ${job.metadata.name}`);
    }
    return jobs.filter((job) => !gone.has(job));
  }

  async #report(cron: CronJob, jobs: readonly Job[], scheduled: Date | undefined): Promise<void> {
    const active = jobs.filter((job) => !finished(job) && !job.metadata.deletionTimestamp);
    const known = new Set((cron.status?.active ?? []).map(({ uid }) => uid));
    for (const job of jobs) {
      const end = finished(job);
      if (end && known.has(job.metadata.uid ?? ''))
        this.#normal(
          cron,
          'SawCompletedJob',
          `Saw completed job: ${job.metadata.name}, condition: ${end.type}`,
        );
    }
    const ends = jobs.flatMap((job) => job.status?.completionTime ?? []).sort();
    const lastScheduleTime = scheduled
      ? timestamp({ ...this.#options.clock, now: () => scheduled.getTime() })
      : cron.status?.lastScheduleTime;
    const lastSuccessfulTime = [ends.at(-1), cron.status?.lastSuccessfulTime]
      .filter((time) => time !== undefined)
      .sort()
      .at(-1);
    const status: CronJobStatus = {
      ...(active.length > 0 ? { active: active.map(referenceTo) } : {}),
      ...(lastScheduleTime ? { lastScheduleTime } : {}),
      ...(lastSuccessfulTime ? { lastSuccessfulTime } : {}),
    };
    if (canonicalJson(status) === canonicalJson(cron.status ?? {})) return;
    await mutateStatus<CronJob>(this.#options.store, this.#key, (draft) => {
      draft.status = status;
    });
  }

  #normal(cron: CronJob, reason: string, message: string): void {
    this.#events.record(cron, { type: 'Normal', reason, message });
  }

  #warn(cron: CronJob, reason: string, message: string): void {
    this.#events.record(cron, { type: 'Warning', reason, message });
  }
}

/** What was handled last, or the beginning. */
const sinceOf = ({ status, metadata }: CronJob) =>
  new Date(Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? ''));

/** Named by its scheduled minute, so that no time is run twice. */
function jobFor(cron: CronJob, due: Date): Job {
  const { metadata, spec } = cron.spec!.jobTemplate;
  const minutes = Math.floor(due.getTime() / 60_000);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: shortened(`${cron.metadata.name.slice(0, longestName)}-${minutes}`),
      namespace: cron.metadata.namespace ?? '',
      labels: { ...metadata?.labels },
      annotations: {
        ...metadata?.annotations,
        [scheduledAnnotation]: due.toISOString().replace('.000Z', 'Z'),
      },
      ownerReferences: [ownedBy(cron)],
    },
    spec,
  };
}

const referenceTo = ({ apiVersion, kind, metadata }: Job): Record<string, string> => ({
  apiVersion,
  kind,
  name: metadata.name,
  namespace: metadata.namespace ?? '',
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
});
