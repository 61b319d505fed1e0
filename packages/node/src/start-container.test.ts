import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Pod } from '@tagboat/api';
import { systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, it, onTestFinished } from 'vitest';
import { Attachments } from './attachments.ts';
import type { NodeContext } from './context.ts';
import { NodeLayout } from './layout.ts';
import { ContainerLogs } from './logs.ts';
import { startContainer } from './start-container.ts';
import { PodVolumes } from './volumes.ts';

it('ends the log of a container that could not be started', async () => {
  const home = await mkdtemp(join(tmpdir(), 'tagboat-start-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  await using store = new ObjectStore({});
  const layout = new NodeLayout(home);
  const logs = new ContainerLogs(layout, systemClock);
  const pod: Pod = {
    ...{ apiVersion: 'v1', kind: kinds.Pod.kind },
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { containers: [] },
  };
  const driver = {
    ...{ name: 'engine', isolatesFiles: true, appliesLimits: true },
    image: async () => ({ kind: 'host', name: 'busybox' }),
    start: async () => {
      throw new Error('the engine is gone');
    },
  };
  const context = {
    store,
    clock: systemClock,
    layout,
    logs,
    driver,
    environment: {},
  } as unknown as NodeContext;
  const volumes = new PodVolumes({ reader: store, layout, tokenFor: () => '' });
  const surroundings = { context, pod, volumes, attachments: new Attachments() };
  const container = { name: 'c', image: 'busybox' };
  const started = startContainer(surroundings, container, { command: ['true'], args: [] });
  await expect(started).rejects.toThrow('the engine is gone');
  expect(logs.isLive({ namespace: 'n', pod: 'p', container: 'c' })).toBe(false);
});
