import { kinds, type Pod } from '@tagboat/api';
import { ManualClock, silentLogger, TagboatError } from '@tagboat/base';
import { expect, it } from 'vitest';
import type { NodeContext } from './context.ts';
import { NodeLayout } from './layout.ts';
import { PodReconciler } from './pod-controller.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'demo', uid: 'u1' },
  spec: { containers: [{ name: 'main', image: 'bash' }] },
};
const key = { type: kinds.Pod, namespace: 'demo', name: 'a' };

/** A node whose store can be read and not written, as on a full disk. */
function fullDisk(clock: ManualClock): NodeContext {
  const full = () => Promise.reject(new TagboatError('the disk is full', { reason: 'Unavailable' }));
  return {
    store: { get: async () => structuredClone(pod), update: full, updateStatus: full, list: full },
    clock,
    log: silentLogger,
    layout: new NodeLayout('/nonexistent'),
    events: { record: () => undefined },
    driver: { name: 'process' },
    reap: async () => undefined,
  } as unknown as NodeContext;
}

it('lets a pod rest whose worker could not write what went wrong, longer each time', async () => {
  const clock = new ManualClock();
  let ended = Promise.withResolvers<void>();
  let begun = 0;
  const reconciler = new PodReconciler(fullDisk(clock), {
    ended: () => ended.resolve(),
    begun: () => begun++,
  });
  for (const [times, rest] of [1000, 2000, 4000].entries()) {
    expect(await reconciler.reconcile(key)).toBeUndefined();
    await ended.promise;
    ended = Promise.withResolvers();
    expect(await reconciler.reconcile(key)).toEqual({ again: rest });
    expect(begun).toBe(times + 1);
    clock.advance(rest);
  }
});
