import { keyOf, kinds, type PipelineRun, TypeRegistry } from '@tagboat/api';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { queueAnnotations, RunQueue } from './run-queue.ts';

interface Wanted {
  readonly name: string;
  readonly repository?: string;
  readonly annotations?: Record<string, string>;
}

/** A queue over a store in memory, and the order in which runs start. */
function setUp(limits: { mostRuns?: number; mostPerRepository?: number } = {}) {
  const store = new ObjectStore({ types: new TypeRegistry() });
  const started: string[] = [];
  const queue = new RunQueue({ store, wake: ({ name }) => started.push(name), ...limits });
  const get = (name: string) =>
    store.get<PipelineRun>({ type: kinds.PipelineRun, namespace: 'default', name });
  return {
    started,
    get,
    async enter({ name, repository = 'r', annotations = {} }: Wanted) {
      const run = (await store.create({
        apiVersion: 'tekton.dev/v1',
        kind: 'PipelineRun',
        metadata: {
          name,
          namespace: 'default',
          labels: { 'tagboat.dev/repository': repository },
          annotations,
        },
      } as PipelineRun)) as PipelineRun;
      const waits = await queue.enter(run);
      if (!waits) started.push(name);
      return waits?.message;
    },
    leave: async (name: string) => queue.left(keyOf(kinds.PipelineRun, (await get(name))!)),
  };
}

test('a busy repository does not keep another waiting', async () => {
  const { enter, leave, started } = setUp({ mostRuns: 2 });
  for (const name of ['a1', 'a2', 'a3', 'a4']) await enter({ name, repository: 'a' });
  await enter({ name: 'b1', repository: 'b' });
  expect(started).toEqual(['a1', 'a2']);
  await leave('a1');
  await leave('a2');
  expect(started).toEqual(['a1', 'a2', 'b1', 'a3']);
});

test('a repository has a share of its own, and the message says what is waited for', async () => {
  const { enter } = setUp({ mostPerRepository: 1 });
  expect(await enter({ name: 'a' })).toBeUndefined();
  expect(await enter({ name: 'b' })).toBe(
    'PipelineRun "b" is pending: waits for a run of the same repository to end (at most 1 at once)',
  );
});

test('the runs of a queue take turns, those of a higher priority first', async () => {
  const { enter, leave, started } = setUp();
  const queued = (priority: string) => ({
    [queueAnnotations.queue]: 'gpu',
    [queueAnnotations.priority]: priority,
  });
  await enter({ name: 'first', annotations: queued('0') });
  expect(await enter({ name: 'low', annotations: queued('-1') })).toContain('the queue "gpu"');
  await enter({ name: 'normal', annotations: queued('0') });
  await enter({ name: 'high', annotations: queued('5') });
  await enter({ name: 'other' });
  for (const name of ['first', 'high', 'normal']) await leave(name);
  expect(started).toEqual(['first', 'other', 'high', 'normal', 'low']);
});

test('a newer run of the same group and ref ends the older one', async () => {
  const { enter, get } = setUp();
  const of = (ref: string) => ({ [queueAnnotations.cancelInProgress]: 'ci', [queueAnnotations.ref]: ref });
  await enter({ name: 'old', annotations: of('main') });
  await enter({ name: 'elsewhere', annotations: of('feature') });
  await enter({ name: 'new', annotations: of('main') });
  const old = await get('old');
  expect(old?.spec?.status).toBe('CancelledRunFinally');
  expect(old?.metadata.annotations?.[queueAnnotations.supersededBy]).toBe('new');
  expect((await get('elsewhere'))?.spec?.status).toBeUndefined();
});

test('of 1,000 runs of two repositories both go on, releases first, and what is superseded never starts', async () => {
  const { enter, leave, started, get } = setUp({ mostRuns: 4 });
  const repositoryOf = (name: string) => name.split('-')[0]!;
  // The busy repository was there first with all of its runs, but for the last ten of the other.
  for (let index = 0; index < 900; index++) await enter({ name: `busy-${index}`, repository: 'busy' });
  for (let index = 0; index < 90; index++) await enter({ name: `calm-${index}`, repository: 'calm' });
  const checks = { [queueAnnotations.cancelInProgress]: 'ci', [queueAnnotations.ref]: 'main' };
  for (let index = 0; index < 9; index++)
    await enter({ name: `calm-check-${index}`, repository: 'calm', annotations: checks });
  await enter({
    name: 'busy-release',
    repository: 'busy',
    annotations: { [queueAnnotations.priority]: '100' },
  });
  expect(started).toEqual(['busy-0', 'busy-1', 'busy-2', 'busy-3']);
  const states = await Promise.all(Array.from({ length: 9 }, (_, index) => get(`calm-check-${index}`)));
  expect(states.map((run) => run?.spec?.status)).toEqual([...Array(8).fill('Cancelled'), undefined]);
  for (let index = 0; index < 8; index++) await leave(`calm-check-${index}`);

  const running = new Set(started);
  const end = async (name: string) => {
    const before = started.length;
    running.delete(name);
    await leave(name);
    for (const next of started.slice(before)) running.add(next);
  };
  await end('busy-0');
  expect(started.at(-1)).toBe('busy-release');
  let wasAlone = 0;
  while (running.size > 0) {
    await end([...running][0]!);
    const busy = [...running].filter((name) => repositoryOf(name) === 'busy').length;
    const calmWaits = started.filter((name) => repositoryOf(name) === 'calm').length < 91;
    // Of four places each repository has two, once what ran before the other came is over.
    if (calmWaits && started.length > 8 && (busy < 1 || busy > 3)) wasAlone++;
  }
  expect(wasAlone).toBe(0);
  expect(new Set(started).size).toBe(started.length);
  expect(started).toHaveLength(1000 - 8);
  const ofCalm = started.flatMap((name, index) => (repositoryOf(name) === 'calm' ? [index] : []));
  // 91 runs of the calm one are through when the busy one has had as many, not when it has had its 900.
  expect(ofCalm.at(-1)).toBeLessThan(2 * 91 + 8);
  expect(started.filter((name) => repositoryOf(name) === 'busy').slice(0, 900)).toEqual([
    ...Array.from({ length: 4 }, (_, index) => `busy-${index}`),
    'busy-release',
    ...Array.from({ length: 895 }, (_, index) => `busy-${index + 4}`),
  ]);
});
