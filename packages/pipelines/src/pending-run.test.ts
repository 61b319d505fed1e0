import { findCondition, keyOf, kinds, type PipelineRun, TypeRegistry } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { builtInDefaults } from './config-defaults.ts';
import { type EngineParts, PipelineRunReconciler } from './pipeline-run-controller.ts';

test('a run that was ended while it was taken for pending stays as it ended', async () => {
  const store = new ObjectStore({ types: new TypeRegistry() });
  const run = (await store.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: 'a', namespace: 'demo', labels: { 'tekton.dev/pipeline': 'a' } },
    spec: { pipelineSpec: { tasks: [] }, status: 'PipelineRunPending' },
  } as PipelineRun)) as PipelineRun;
  const key = keyOf(kinds.PipelineRun, run);
  const now = '2026-01-01T00:00:00Z';
  const failed = {
    type: 'Succeeded',
    status: 'False' as const,
    reason: 'InvalidConfiguration',
    message: 'x',
  };
  await mutateStatus<PipelineRun>(store, key, (draft) => {
    const conditions = [{ ...failed, lastTransitionTime: now }];
    draft.status = { startTime: now, completionTime: now, conditions };
  });
  // What the controller read stands for a moment before that.
  const get: typeof store.get = async <T>() => structuredClone(run) as T;
  let reads = 0;
  const stale = new Proxy(store, {
    get: (target, name) => {
      if (name === 'get' && reads++ === 0) return get;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const settings = { defaults: async () => builtInDefaults };
  const parts = {
    store: stale,
    clock: new ManualClock(),
    log: silentLogger,
    settings,
  } as unknown as EngineParts;
  await new PipelineRunReconciler(parts).reconcile(key);
  const stored = await store.get<PipelineRun>(key);
  expect(findCondition(stored?.status?.conditions, 'Succeeded')).toMatchObject(failed);
  await store[Symbol.asyncDispose]();
});
