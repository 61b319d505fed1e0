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
