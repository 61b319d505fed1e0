import type { RunSummary } from '@tagboat/render/run-summary';
import { expect, test } from 'vitest';
import { type RunChange, type RunPage, withChanges } from './merge-runs.ts';

const run = (name: string, created: string, more: Partial<RunSummary> = {}): RunSummary => ({
  uid: name,
  project: 'demo',
  name,
  state: 'succeeded',
  reason: 'Succeeded',
  created,
  ...more,
});
const page = (items: RunSummary[], total = items.length): RunPage => ({
  items,
  total,
  states: { succeeded: total },
  resourceVersion: '100',
});
const changes = (...list: RunChange[]) => new Map(list.map((change) => [change.object.uid, change]));
const all = { filter: {}, perModel: false };

test('a new run comes first and is counted', () => {
  const merged = withChanges(
    [page([run('a', '1')])],
    changes({ revision: 101, object: run('b', '2', { state: 'running' }), deleted: false }),
    all,
  );
  expect(merged.runs.map(({ name }) => name)).toEqual(['b', 'a']);
  expect(merged).toMatchObject({ total: 2, states: { succeeded: 1, running: 1 } });
});

test('a run that changes its state leaves a list of another state', () => {
  const merged = withChanges(
    [page([run('a', '1')])],
    changes({ revision: 101, object: run('a', '1', { state: 'failed' }), deleted: false }),
    { filter: { state: 'succeeded' }, perModel: false },
  );
  expect(merged).toMatchObject({ runs: [], total: 0, states: { succeeded: 0, failed: 1 } });
});

test('what the page knows already changes nothing', () => {
  const stale = { revision: 99, object: run('a', '1', { state: 'running' }), deleted: false };
  expect(withChanges([page([run('a', '1')])], changes(stale), all).runs[0]!.state).toBe('succeeded');
});

test('a deleted run goes', () => {
  const gone = { revision: 101, object: run('a', '1'), deleted: true };
  expect(withChanges([page([run('a', '1'), run('b', '0')])], changes(gone), all)).toMatchObject({ total: 1 });
});

test('only the newest of each model and kind', () => {
  const of = (name: string, created: string) => run(name, created, { model: 'm', kind: 'release' });
  const merged = withChanges(
    [page([of('a', '1')])],
    changes({ revision: 101, object: of('b', '2'), deleted: false }),
    {
      filter: {},
      perModel: true,
    },
  );
  expect(merged.runs.map(({ name }) => name)).toEqual(['b']);
});
