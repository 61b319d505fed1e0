import { type KubernetesObject, kinds } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
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
