import {
  type CronJob,
  findCondition,
  type Job,
  type JobSpec,
  type KubernetesObject,
  kinds,
  type Pod,
} from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { deleteIfPresent, mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkloadControllers } from './index.ts';
import { formatIndexes, parseIndexes, planJob } from './plan-job.ts';
import { parseSchedule } from './schedule.ts';

let store: ObjectStore;
let clock: ManualClock;
let running: AsyncDisposable[];

beforeEach(() => {
  clock = new ManualClock(Date.UTC(2026, 0, 1, 12));
  store = new ObjectStore({ clock });
  running = createWorkloadControllers({ store, clock, log: silentLogger, appsUrl: 'http://127.0.0.1:1' }).map(
    (controller) => controller.start(),
  );
});
afterEach(async () => {
  for (const item of running) await item[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

async function until<T extends KubernetesObject>(
  type: (typeof kinds)[keyof typeof kinds],
  holds: (items: readonly T[]) => boolean,
): Promise<readonly T[]> {
  const first = await store.list<T>(type);
  if (holds(first.items)) return first.items;
  for await (const _ of store.watch(type, {}, { from: first.resourceVersion })) {
    const { items } = await store.list<T>(type);
    if (holds(items)) return items;
  }
  throw new Error('the watch ended');
}

const job = (spec: Partial<JobSpec> = {}): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j', namespace: 'n' },
  spec: {
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'bash' }] } },
    ...spec,
  },
});

const active = (pods: readonly Pod[]) =>
  pods.filter((pod) => !pod.status?.phase && !pod.metadata.deletionTimestamp);

async function end(
  pod: Pod,
  phase: 'Succeeded' | 'Failed',
  exitCode = phase === 'Failed' ? 1 : 0,
): Promise<void> {
  await mutateStatus<Pod>(store, { type: kinds.Pod, namespace: 'n', name: pod.metadata.name }, (draft) => {
    const terminated = { exitCode, finishedAt: new Date(clock.now()).toISOString() };
    draft.status = {
      phase,
      containerStatuses: [
        { name: 'c', ready: false, restartCount: 0, image: '', imageID: '', state: { terminated } },
      ],
    };
  });
}

const conditionIs = (type: string) => (jobs: readonly Job[]) =>
  findCondition(jobs[0]?.status?.conditions, type)?.status === 'True';

describe('Job', () => {
  it('runs so many pods at once until so many have succeeded', async () => {
    await store.create(job({ completions: 3, parallelism: 2 }));
    const first = await until<Pod>(kinds.Pod, (pods) => active(pods).length === 2);
    expect(first[0]?.metadata.labels).toMatchObject({ 'job-name': 'j' });
    await Promise.all(first.map((pod) => end(pod, 'Succeeded')));
    const third = await until<Pod>(kinds.Pod, (pods) => pods.length === 3 && active(pods).length === 1);
    await end(active(third)[0]!, 'Succeeded');
    const [done] = await until<Job>(
      kinds.Job,
      ([found]) => conditionIs('Complete')([found!]) && found?.status?.succeeded === 3,
    );
    expect(done?.status).toMatchObject({
      succeeded: 3,
      failed: 0,
      active: 0,
      uncountedTerminatedPods: { succeeded: [], failed: [] },
    });
    expect(done?.status?.completionTime).toBe('2026-01-01T12:00:00Z');
    const pods = await until<Pod>(kinds.Pod, (found) =>
      found.every(({ metadata }) => !metadata.finalizers?.length),
    );
    expect(pods).toHaveLength(3);
  });

  it('counts a pod once though it is deleted, and does not run it again', async () => {
    await store.create(job());
    const [pod] = await until<Pod>(kinds.Pod, (pods) => pods.length === 1);
    await end(pod!, 'Succeeded');
    await deleteIfPresent(store, { type: kinds.Pod, namespace: 'n', name: pod!.metadata.name });
    await until<Job>(kinds.Job, conditionIs('Complete'));
    expect((await store.list(kinds.Pod)).items.filter((found) => !found.metadata.deletionTimestamp)).toEqual(
      [],
    );
  });

  it('tries again later and later, and gives up at its limit', async () => {
    await store.create(job({ backoffLimit: 1 }));
    const [first] = await until<Pod>(kinds.Pod, (pods) => active(pods).length === 1);
    await end(first!, 'Failed');
    await until<Job>(kinds.Job, ([found]) => found?.status?.failed === 1 && found.status.active === 0);
    clock.advance(10_000);
    const second = await until<Pod>(kinds.Pod, (pods) => active(pods).length === 1);
    await end(active(second)[0]!, 'Failed');
    const [failed] = await until<Job>(kinds.Job, conditionIs('Failed'));
    expect(findCondition(failed?.status?.conditions, 'Failed')).toMatchObject({
      reason: 'BackoffLimitExceeded',
    });
  });

  it('fails at once, or does not count, where its policy says so', async () => {
    await store.create(
      job({
        podFailurePolicy: {
          rules: [
            { action: 'Ignore', onExitCodes: { operator: 'In', values: [7] } },
            { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
          ],
        },
      }),
    );
    const [first] = await until<Pod>(kinds.Pod, (pods) => active(pods).length === 1);
    await end(first!, 'Failed', 7);
    const second = await until<Pod>(kinds.Pod, (pods) => pods.length === 2);
    await end(active(second)[0]!, 'Failed', 42);
    const [failed] = await until<Job>(kinds.Job, conditionIs('Failed'));
    expect(findCondition(failed?.status?.conditions, 'Failed')?.reason).toBe('PodFailurePolicy');
  });

  it('gives each index to one pod', async () => {
    await store.create(job({ completionMode: 'Indexed', completions: 3, parallelism: 3 }));
    const pods = await until<Pod>(kinds.Pod, (found) => found.length === 3);
    expect(
      pods.map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-completion-index']).sort(),
    ).toEqual(['0', '1', '2']);
    expect(pods[0]?.spec?.containers[0]?.env?.[0]?.name).toBe('JOB_COMPLETION_INDEX');
    for (const pod of pods) await end(pod, 'Succeeded');
    const [done] = await until<Job>(kinds.Job, conditionIs('Complete'));
    expect(done?.status?.completedIndexes).toBe('0-2');
  });

  it('stops while suspended, ends at its deadline, and goes after its time to live', async () => {
    await store.create(job({ suspend: true, activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 30 }));
    await until<Job>(kinds.Job, conditionIs('Suspended'));
    const key = { type: kinds.Job, namespace: 'n', name: 'j' };
    await mutate<Job>(store, key, (draft) => {
      draft.spec!.suspend = false;
    });
    await until<Pod>(kinds.Pod, (pods) => pods.length === 1);
    await until<Job>(kinds.Job, ([found]) => found?.status?.startTime !== undefined);
    clock.advance(61_000);
    const [failed] = await until<Job>(kinds.Job, conditionIs('Failed'));
    expect(findCondition(failed?.status?.conditions, 'Failed')?.reason).toBe('DeadlineExceeded');
    await until<Pod>(kinds.Pod, (pods) => pods.length === 0);
    clock.advance(31_000);
    await until<Job>(kinds.Job, (jobs) => jobs.length === 0);
  });
});

describe('CronJob', () => {
  const cron = (spec: Partial<CronJob['spec']> = {}): CronJob => ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c', namespace: 'n' },
    spec: { schedule: '*/5 * * * *', jobTemplate: { spec: job().spec! }, ...spec },
  });

  it('creates one job for a time, and one for all that were missed', async () => {
    await store.create(cron());
    await until<CronJob>(kinds.CronJob, (found) => found.length === 1);
    clock.advance(3_600_000);
    const [made] = await until<Job>(kinds.Job, (jobs) => jobs.length === 1);
    expect(made?.metadata.name).toBe(`c-${Date.UTC(2026, 0, 1, 13) / 60_000}`);
    const [found] = await until<CronJob>(
      kinds.CronJob,
      ([item]) => item?.status?.lastScheduleTime !== undefined,
    );
    expect(found?.status).toMatchObject({
      lastScheduleTime: '2026-01-01T13:00:00Z',
      active: [{ kind: 'Job' }],
    });
  });

  it('lets no two run at once where that is forbidden', async () => {
    await store.create(cron({ concurrencyPolicy: 'Forbid' }));
    await until<CronJob>(kinds.CronJob, (found) => found.length === 1);
    clock.advance(300_000);
    await until<Job>(kinds.Job, (jobs) => jobs.length === 1);
    clock.advance(300_000);
    await until<Event>(kinds.Event, (events) => events.some(({ reason }) => reason === 'JobAlreadyActive'));
    expect((await store.list(kinds.Job)).items).toHaveLength(1);
  });

  it.each([
    ['0s', 1000],
    ['1ns', 1000],
    ['90500ms', 90_000],
  ])('every %s is every %i milliseconds', (text, period) => {
    const schedule = parseSchedule(`@every ${text}`, undefined);
    const [since, now] = [new Date(0), new Date(2.5 * period)];
    expect(schedule.last(since, now)).toEqual(new Date(2 * period));
    expect(schedule.next(now, since)).toEqual(new Date(3 * period));
  });

  it('says what is wrong with a schedule', async () => {
    await store.create(cron({ schedule: 'every day' }));
    const events = await until<Event>(kinds.Event, (found) => found.length > 0);
    expect(events[0]).toMatchObject({ type: 'Warning', reason: 'UnparseableSchedule' });
  });
});

describe('parseSchedule', () => {
  const at = (text: string) => new Date(text);
  it('knows time zones over the change of clocks', () => {
    const schedule = parseSchedule('30 9 * * *', 'Europe/Prague');
    expect(schedule.next(at('2026-03-28T12:00:00Z'))).toEqual(at('2026-03-29T07:30:00Z'));
    expect(schedule.last(at('2026-03-20T00:00:00Z'), at('2026-03-28T08:30:00Z'))).toEqual(
      at('2026-03-28T08:30:00Z'),
    );
    expect(schedule.last(at('2026-03-28T08:30:00Z'), at('2026-03-28T09:30:00Z'))).toBeUndefined();
  });
  it('knows fixed intervals, and refuses what it does not know', () => {
    expect(
      parseSchedule('@every 1h', undefined).last(at('2026-01-01T00:10:00Z'), at('2026-01-01T02:30:00Z')),
    ).toEqual(at('2026-01-01T02:10:00Z'));
    expect(parseSchedule('@hourly', undefined).next(at('2026-01-01T00:10:00Z'))).toEqual(
      at('2026-01-01T01:00:00Z'),
    );
    expect(() => parseSchedule('* * * * *', 'Mars/Olympus')).toThrow(/time zone/);
    expect(() => parseSchedule('TZ=UTC * * * * *', undefined)).toThrow(/holds a time zone/);
  });
});

it('writes indexes as ranges', () => {
  expect(formatIndexes([4, 0, 2, 3, 7])).toBe('0,2-4,7');
  expect(parseIndexes('0,2-4,7')).toEqual([0, 2, 3, 4, 7]);
});

it('a job that asks for very many pods gets them some hundreds at a time', () => {
  const most = 2 ** 31 - 1;
  for (const completionMode of ['NonIndexed', 'Indexed'] as const) {
    const wanted = job({ parallelism: most, completions: most, completionMode });
    expect(planJob({ job: wanted, pods: [], now: 0 }).create).toHaveLength(500);
  }
});
