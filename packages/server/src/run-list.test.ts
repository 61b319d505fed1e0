import { type Condition, kinds, type PipelineRun } from '@tagboat/api';
import { ManualClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { listRuns } from './run-list.ts';

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
  const first = await listRuns(store, { limit: '3' });
  expect(first.items.map(({ name }) => name)).toEqual(['run-6', 'run-5', 'run-4']);
  expect(first.total).toBe(7);
  const second = await listRuns(store, { limit: '3', after: first.next });
  expect(second.items.map(({ name }) => name)).toEqual(['run-3', 'run-2', 'run-1']);
  const last = await listRuns(store, { limit: '3', after: second.next });
  expect(last.items.map(({ name }) => name)).toEqual(['run-0']);
  expect(last.next).toBeUndefined();
});

test('filters narrow, and the states count without the state’s own filter', async () => {
  await using store = await storeWith(7);
  const page = await listRuns(store, { model: 'even', state: 'failed' });
  expect(page.items.map(({ name }) => name)).toEqual(['run-6', 'run-0']);
  expect(page.states).toEqual({ failed: 2, succeeded: 2 });
  expect((await listRuns(store, { text: 'V5 RELEASE' })).items.map(({ name }) => name)).toEqual(['run-5']);
  expect((await listRuns(store, { project: 'other' })).total).toBe(0);
});

test('the newest of each model', async () => {
  await using store = await storeWith(7);
  const { items } = await listRuns(store, { per: 'model' });
  expect(items.map(({ name }) => name)).toEqual(['run-6', 'run-5']);
});

test('a watch from its revision misses nothing', async () => {
  await using store = await storeWith(1);
  const { resourceVersion } = await listRuns(store, {});
  const all = await store.list(kinds.PipelineRun);
  expect(resourceVersion).toBe(all.resourceVersion);
});

test.each(['0', '-1', '501', 'ten'])('a limit of %s is refused', async (limit) => {
  await using store = await storeWith(0);
  await expect(listRuns(store, { limit })).rejects.toThrow('expected a limit from 1 to 500');
});
