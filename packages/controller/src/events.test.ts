import { type KubernetesObject, kinds } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
import { EventExpiry } from './event-expiry.ts';
import { type Event, EventRecorder } from './events.ts';

it('counts the same event and keeps others apart', async () => {
  await using store = new ObjectStore({});
  const clock = new ManualClock();
  const recorder = new EventRecorder({ store, clock, log: silentLogger, component: 'kubelet', host: 'here' });
  const pod: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
  };
  const text = { type: 'Warning', reason: 'BackOff', message: 'again' } as const;
  recorder.record(pod, text);
  recorder.record(pod, text);
  await recorder.flush();
  clock.advance(5000);
  recorder.record(pod, text);
  recorder.record(pod, { ...text, fieldPath: 'spec.containers{c}' });
  await recorder.flush();
  const { items } = await store.list<Event>(kinds.Event, { namespace: 'n' });
  expect(items.map(({ count }) => count).sort()).toEqual([1, 3]);
  expect(items.find(({ count }) => count === 3)).toMatchObject({
    involvedObject: { kind: 'Pod', name: 'p', uid: 'u' },
    source: { component: 'kubelet', host: 'here' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:05Z',
  });
});

it('lets messages that never end share one event', async () => {
  await using store = new ObjectStore({});
  const recorder = new EventRecorder({
    store,
    clock: new ManualClock(),
    log: silentLogger,
    component: 'c',
  });
  const pod: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
  };
  for (let index = 0; index < 30; index++)
    recorder.record(pod, { type: 'Warning', reason: 'Failed', message: `attempt ${index}` });
  await recorder.flush();
  const { items } = await store.list<Event>(kinds.Event);
  expect(items).toHaveLength(11);
  expect(items.find(({ count }) => count === 20)?.message).toMatch(
    /^\(combined from similar events\): attempt/,
  );
});

it('deletes events an hour after they were seen last', async () => {
  await using store = new ObjectStore({});
  const clock = new ManualClock();
  const recorder = new EventRecorder({ store, clock, log: silentLogger, component: 'c' });
  const pod: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
  };
  recorder.record(pod, { type: 'Normal', reason: 'Old', message: 'm' });
  await recorder.flush();
  clock.advance(30 * 60_000);
  recorder.record(pod, { type: 'Normal', reason: 'New', message: 'm' });
  await recorder.flush();
  const gone = new AbortController();
  const deletions = store.watch<Event>(kinds.Event, {}, { signal: gone.signal })[Symbol.asyncIterator]();
  const first = deletions.next();
  await using _expiry = new EventExpiry({ store, clock, log: silentLogger }).start();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(30 * 60_000);
  expect((await first).value).toMatchObject({ type: 'DELETED', object: { reason: 'Old' } });
  gone.abort();
  expect((await store.list<Event>(kinds.Event)).items.map(({ reason }) => reason)).toEqual(['New']);
});
