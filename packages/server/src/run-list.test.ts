import { type Condition, kinds, type PipelineRun } from '@tagboat/api';
import { createLogger, ManualClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test, vi } from 'vitest';
import { RunList } from './run-list.ts';

const runsOf = (store: ObjectStore) =>
  new RunList({ reader: store, clock: new ManualClock(), log: createLogger({ write: () => undefined }) });

async function storeWith(count: number) {
  const clock = new ManualClock();
  const store = new ObjectStore({ clock });
  for (let index = 0; index < count; index++) {
    clock.advance(1000);
    const run: PipelineRun = {
      apiVersion: 'tekton.dev/v1',
      kind: 'PipelineRun',
      metadata: {
        name: `run-${index}`,
        namespace: 'demo',
        labels: { 'tagboat.dev/model': index % 2 ? 'odd' : 'even', 'tagboat.dev/kind': 'release' },
        annotations: { 'tagboat.dev/tag': `v${index}` },
      },
      spec: {},
    };
    const created = await store.create(run);
    const condition: Condition = { type: 'Succeeded', status: index % 3 ? 'True' : 'False', reason: 'x' };
    await store.updateStatus({ ...created, status: { startTime: 'x', conditions: [condition] } });
  }
  return store;
}

test('newest first, in pages that join', async () => {
  await using store = await storeWith(7);
  using runs = runsOf(store);
  const first = await runs.page({ limit: '3' });
  expect(first.items.map(({ name }) => name)).toEqual(['run-6', 'run-5', 'run-4']);
  expect(first.total).toBe(7);
  const second = await runs.page({ limit: '3', after: first.next });
  expect(second.items.map(({ name }) => name)).toEqual(['run-3', 'run-2', 'run-1']);
  const last = await runs.page({ limit: '3', after: second.next });
  expect(last.items.map(({ name }) => name)).toEqual(['run-0']);
  expect(last.next).toBeUndefined();
});

test('filters narrow, and the states count without the state’s own filter', async () => {
  await using store = await storeWith(7);
  using runs = runsOf(store);
  const page = await runs.page({ model: 'even', state: 'failed' });
  expect(page.items.map(({ name }) => name)).toEqual(['run-6', 'run-0']);
  expect(page.states).toEqual({ failed: 2, succeeded: 2 });
  expect((await runs.page({ text: 'V5 RELEASE' })).items.map(({ name }) => name)).toEqual(['run-5']);
  expect((await runs.page({ project: 'other' })).total).toBe(0);
});

test('the newest of each model', async () => {
  await using store = await storeWith(7);
  using runs = runsOf(store);
  const { items } = await runs.page({ per: 'model' });
  expect(items.map(({ name }) => name)).toEqual(['run-6', 'run-5']);
});

test('a watch from its revision misses nothing', async () => {
  await using store = await storeWith(1);
  using runs = runsOf(store);
  const { resourceVersion } = await runs.page({});
  const all = await store.list(kinds.PipelineRun);
  expect(resourceVersion).toBe(all.resourceVersion);
});

test.each(['0', '-1', '501', 'ten'])('a limit of %s is refused', async (limit) => {
  await using store = await storeWith(0);
  using runs = runsOf(store);
  await expect(runs.page({ limit })).rejects.toThrow('expected a limit from 1 to 500');
});

test('is kept by a watch: what is made, changed and deleted after the first look', async () => {
  await using store = await storeWith(2);
  using runs = runsOf(store);
  expect((await runs.page({})).total).toBe(2);
  const { items } = await store.list<PipelineRun>(kinds.PipelineRun);
  await store.delete({ type: kinds.PipelineRun, namespace: 'demo', name: 'run-0' });
  await store.updateStatus({ ...items[1]!, status: { conditions: [] } });
  await vi.waitFor(async () => {
    const page = await runs.page({});
    expect(page.items.map(({ name, state }) => [name, state])).toEqual([['run-1', 'pending']]);
  });
});
