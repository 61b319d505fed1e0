import { kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { ManualClock, timestamp } from '@tagboat/base';
import { type Model, readModelFile, runAnnotations, runLabels } from '@tagboat/render';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerDrift } from './drift.ts';
import { summarise } from './model-controller.ts';

const file = (onDrift: boolean) => `apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata: { name: tiny }
spec:
  artifact: { path: m }
  serve: { predictor: "p.py:P" }
  monitor: { drift: { window: 1h } }
  retrain: { onDrift: ${onDrift} }
`;
const key = { type: kinds.Model, namespace: 'demo', name: 'tiny' };
const settings = { registry: 'r', deploymentUrl: 'd', cloneUrl: 'c' };

describe('retrain.onDrift', () => {
  let store: ObjectStore;
  let clock: ManualClock;

  beforeEach(async () => {
    store = new ObjectStore({});
    clock = new ManualClock();
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'tiny', namespace: 'demo' },
      spec: { role: 'source' },
      status: { defaultBranch: 'main', refs: { 'refs/heads/main': 'a'.repeat(40) } },
    });
  });
  afterEach(() => store[Symbol.asyncDispose]());

  const declare = (onDrift: boolean) =>
    store.create<Model>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Model',
      metadata: { name: 'tiny', namespace: 'demo' },
      spec: { ...readModelFile(file(onDrift))[0]!.spec, repository: 'tiny' },
    });
  const drifts = (status: 'True' | 'False') =>
    mutateStatus<Model>(store, key, (draft) => {
      const condition = { type: 'Drifting', status, lastTransitionTime: timestamp(clock) };
      draft.status = { ...draft.status, conditions: [condition] };
    });
  const answer = async () =>
    answerDrift({ store, clock, settings }, key, (await store.get<Model>(key)) as Model);
  const runs = async () => (await store.list<PipelineRun>(kinds.PipelineRun)).items;

  it('starts one retraining for each drift, and none before the window has passed', async () => {
    await declare(true);
    await drifts('True');
    for (const _ of [1, 2, 3]) expect(await answer()).toBeUndefined();
    expect(await runs()).toHaveLength(1);
    expect((await runs())[0]!.metadata.labels?.[runLabels.kind]).toBe('retrain');
    clock.advance(10 * 60_000);
    await drifts('False');
    await answer();
    await drifts('True');
    expect(await answer()).toBe(50 * 60_000);
    expect(await runs()).toHaveLength(1);
    clock.advance(50 * 60_000);
    await answer();
    expect(await runs()).toHaveLength(2);
    clock.advance(100 * 3600_000);
    await answer();
    expect(await runs()).toHaveLength(2);
  });

  it('starts none twice where it was killed in between', async () => {
    await declare(true);
    await drifts('True');
    const before = (await store.get<Model>(key)) as Model;
    await answerDrift({ store, clock, settings }, key, before);
    await answerDrift({ store, clock, settings }, key, before);
    expect(await runs()).toHaveLength(1);
  });

  it('starts none where nobody asked for it', async () => {
    await declare(false);
    await drifts('True');
    await answer();
    expect(await runs()).toHaveLength(0);
  });

  it('says where there is nothing new to learn from', () => {
    const run = (requested: string): PipelineRun => ({
      apiVersion: 'tekton.dev/v1',
      kind: 'PipelineRun',
      metadata: {
        name: 'r',
        labels: { [runLabels.kind]: 'retrain' },
        annotations: { [runAnnotations.requested]: requested },
      },
      status: {
        conditions: [{ type: 'Succeeded', status: 'True' }],
        results: [{ name: 'candidate-outcome', value: 'NothingNew' }],
      },
    });
    expect(summarise(run('drift since 2026-01-01T00:00:00Z')).message).toMatch(
      /^drifting, nothing new to learn from/,
    );
    expect(summarise(run('schedule x')).message).toBe('nothing new: the data has not changed');
  });
});
