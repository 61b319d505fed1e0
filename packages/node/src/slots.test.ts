import type { Pod } from '@tagboat/api';
import { expect, test } from 'vitest';
import { cpuOfPod, Slots } from './slots.ts';

const pod = (...containers: { name: string; cpu?: string; image?: string }[]) =>
  ({
    spec: {
      containers: containers.map(({ name, cpu, image = 'alpine' }) => ({
        name,
        image,
        ...(cpu ? { resources: { requests: { cpu } } } : {}),
      })),
    },
  }) as Pod;

test.each([
  ['steps run one after the other', pod({ name: 'step-a', cpu: '500m' }, { name: 'step-b', cpu: '2' }), 2000],
  ['sidecars run beside them', pod({ name: 'step-a', cpu: '500m' }, { name: 'sidecar-b', cpu: '1' }), 1500],
  ['who says nothing takes little', pod({ name: 'step-a' }), 100],
  ['Tagboat’s own steps take a CPU', pod({ name: 'step-a', image: 'registry/x/tagboat:1' }), 1000],
])('%s', (_, of, cpu) => expect(cpuOfPod(of)).toBe(cpu));

test('those for whom there is no room wait in the order they came, and a large one is not passed by', async () => {
  const slots = new Slots(1000);
  const { signal } = new AbortController();
  const first = await slots.take(signal, 800);
  const order: string[] = [];
  const large = slots.take(signal, 5000).then((release) => {
    order.push('large');
    return release;
  });
  const small = slots.take(signal, 100).then((release) => {
    order.push('small');
    return release;
  });
  expect(slots.fits(100)).toBe(false);
  first();
  (await large)();
  (await small)();
  expect(order).toEqual(['large', 'small']);
  expect(slots.fits(1000)).toBe(true);
});

test('who stops waiting takes nothing, and lets the next one in', async () => {
  const slots = new Slots(1000);
  const stop = new AbortController();
  const first = await slots.take(stop.signal, 500);
  const large = slots.take(stop.signal, 1000);
  const small = slots.take(new AbortController().signal, 500);
  stop.abort(new Error('gone'));
  await expect(large).rejects.toThrow('gone');
  (await small)();
  first();
  first();
  expect(slots.fits(1000)).toBe(true);
});
