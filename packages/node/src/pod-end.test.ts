import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kinds, type Pod } from '@tagboat/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isReady, PodWorld, phaseIs, sh } from './pods.testing.ts';

let world: PodWorld;
beforeEach(async () => {
  world = await PodWorld.make();
});
afterEach(() => world[Symbol.asyncDispose]());

describe.each([['process'], [undefined]] as const)('the end of a pod of the driver %s', (driver) => {
  it('runs hooks, and a deleted pod ends before its object goes', async () => {
    await world.start(driver);
    await world.store.create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'n' },
      spec: {},
    });
    await world.run(
      {
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        containers: [
          sh('c', 'trap "echo term >> /data/log; exit" TERM; sleep 600 & wait', {
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
            lifecycle: {
              postStart: { exec: { command: ['sh', '-c', 'echo start > /data/log'] } },
              preStop: { exec: { command: ['sh', '-c', 'echo stop >> /data/log'] } },
            },
          }),
        ],
      },
      isReady,
    );
    await world.removed();
    expect(await readFile(join(world.home, 'volumes/claims/n/data/log'), 'utf8')).toBe('start\nstop\nterm\n');
    expect(await world.events('Killing')).toContain('Killing: Stopping container c');
  });

  it('ends a pod at once where its deletion says so, though it was given time before', async () => {
    await world.start(driver);
    await world.run(
      {
        terminationGracePeriodSeconds: 1000,
        containers: [sh('main', 'trap "" TERM; while :; do sleep 1; done')],
      },
      phaseIs('Running'),
    );
    await world.store.delete(world.key);
    const from = (await world.store.list(kinds.Pod)).resourceVersion;
    await world.store.delete(world.key, { gracePeriodSeconds: 0 });
    for await (const { type } of world.store.watch<Pod>(kinds.Pod, {}, { from }))
      if (type === 'DELETED') break;
    expect(await world.store.get(world.key)).toBeUndefined();
  });

  it('ends a pod at its deadline', async () => {
    await world.start(driver);
    const pod = await world.run(
      { activeDeadlineSeconds: 0.2, containers: [sh('c', 'trap exit TERM; sleep 600 & wait')] },
      phaseIs('Failed'),
    );
    expect(pod.status?.reason).toBe('DeadlineExceeded');
  });

  it('takes up again what ran when the platform ended', async () => {
    await world.start(driver);
    await world.run(
      { restartPolicy: 'Always', containers: [sh('c', 'trap exit TERM; sleep 600 & wait')] },
      isReady,
    );
    await world.end();
    await world.start(driver);
    const pod = await world.until(
      (found) => isReady(found) && found.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.reason).toBe('ContainerStatusUnknown');
  });
});
