import type { PipelineRun } from '@tagboat/api';
import { expect, it } from 'vitest';
import { queuePlaces } from './queue-places.ts';

const run = (uid: string, repository: string, more: Partial<PipelineRun> & { priority?: string } = {}) =>
  ({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: uid,
      namespace: 'demo',
      uid,
      creationTimestamp: `2026-01-01T00:00:0${uid.slice(-1)}Z`,
      labels: { 'tagboat.dev/repository': repository },
      annotations: { 'tagboat.dev/priority': more.priority ?? '0' },
    },
    ...(more.spec ? { spec: more.spec } : {}),
    ...(more.status ? { status: more.status } : {}),
  }) satisfies PipelineRun;

it('counts those of the same repository that start before, by priority and age', () => {
  const places = queuePlaces([
    run('r3', 'a'),
    run('r2', 'a'),
    run('r4', 'a', { priority: '100' }),
    run('r5', 'b'),
    run('r1', 'a', { status: { startTime: 'x' } }),
    run('r6', 'a', { spec: { status: 'PipelineRunPending' } }),
    run('r7', 'a', { status: { completionTime: 'x', conditions: [{ type: 'Succeeded', status: 'True' }] } }),
  ]);
  expect(Object.fromEntries(places)).toEqual({ r4: 0, r2: 1, r3: 2, r5: 0 });
});
