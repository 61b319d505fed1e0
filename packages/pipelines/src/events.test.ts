import { type Condition, kinds } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { RunEvents } from './events.ts';
import { run } from './testing.ts';

const condition = (status: Condition['status'], reason: string, message = ''): Condition => ({
  type: 'Succeeded',
  status,
  reason,
  message,
});
const started = condition('Unknown', 'Started');
const oneDone = condition('Unknown', 'Running', 'Tasks Completed: 1');

/** Tekton's `EmitK8sEvents`, case by case. */
const cases: [string, Condition | undefined, Condition, string | undefined][] = [
  ['the first condition', undefined, started, 'Normal Started '],
  ['a reason that changes', started, oneDone, 'Normal Running Tasks Completed: 1'],
  [
    'a message that changes',
    oneDone,
    { ...oneDone, message: 'Tasks Completed: 2' },
    'Normal Running Tasks Completed: 2',
  ],
  ['the same again', oneDone, { ...oneDone, lastTransitionTime: '2026-01-01T00:00:00Z' }, undefined],
  ['success', oneDone, condition('True', 'Completed', 'all'), 'Normal Succeeded all'],
  ['failure', oneDone, condition('False', 'PipelineRunTimeout', 'late'), 'Warning Failed late'],
];

test.each(cases)('%s', async (_name, before, after, expected) => {
  await using store = new ObjectStore({});
  const events = new RunEvents({ store, clock: new ManualClock(), log: silentLogger, component: 'Tekton' });
  events.changed(run(), before, after);
  await events.flush();
  const { items } = await store.list<Event>(kinds.Event, { namespace: 'n' });
  expect(items.map(({ type, reason, message }) => `${type} ${reason} ${message}`)).toEqual(
    expected === undefined ? [] : [expected],
  );
});
