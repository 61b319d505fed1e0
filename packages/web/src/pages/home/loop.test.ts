import type { Repository } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import type { RunSummary } from '@tagboat/render/run-summary';
import { expect, test } from 'vitest';
import type { Application, InferenceService } from '../../data/platform-kinds.ts';
import { concernsOf } from './attention.ts';
import { type LoopInputs, loopOf } from './loop.ts';

const commit = 'de62a17274802adc10e8c74bfbddc9cbfb353b95';
const model = {
  apiVersion: 'tagboat.dev/v1alpha1',
  kind: 'Model',
  metadata: { name: 'prices', namespace: 'demo' },
  spec: {
    repository: 'prices',
    deploy: [
      { environment: 'staging', via: 'commit' },
      { environment: 'production', via: 'promotion' },
    ],
    retrain: { schedule: '0 3 * * 1' },
  },
} as unknown as Model;
const repository = {
  metadata: { name: 'prices', namespace: 'demo' },
  status: { defaultBranch: 'main', refs: { 'refs/heads/main': commit } },
} as unknown as Repository;
const run = (more: Partial<RunSummary> = {}): RunSummary => ({
  uid: '1',
  project: 'demo',
  name: 'prices-v1',
  model: 'prices',
  kind: 'release',
  tag: 'v1',
  state: 'succeeded',
  reason: 'Succeeded',
  created: '2026-11-24T10:00:00Z',
  image: `sha256:${'a'.repeat(64)}`,
  ...more,
});

function deployed(environment: string, tag: string, health = 'Healthy') {
  return {
    application: {
      metadata: {
        name: `demo-prices-${environment}`,
        labels: {
          'tagboat.dev/project': 'demo',
          'tagboat.dev/model': 'prices',
          'tagboat.dev/environment': environment,
        },
      },
      spec: { destination: { namespace: `demo-${environment}` }, source: { repoURL: '' } },
      status: { sync: { status: 'Synced' }, health: { status: health, message: 'its pods crash' } },
    } as unknown as Application,
    service: {
      metadata: { name: 'prices', namespace: `demo-${environment}`, annotations: { 'tagboat.dev/tag': tag } },
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-11-24T10:01:00Z' }] },
    } as unknown as InferenceService,
  };
}

function loop(more: Partial<LoopInputs> = {}, pairs: ReturnType<typeof deployed>[] = []) {
  return loopOf(model, inputs(more, pairs));
}

function inputs(more: Partial<LoopInputs> = {}, pairs: ReturnType<typeof deployed>[] = []): LoopInputs {
  return {
    repositories: [repository],
    runs: [run()],
    applications: pairs.map(({ application }) => application),
    services: pairs.map(({ service }) => service),
    traffic: new Map(),
    commits: new Map(),
    now: Date.parse('2026-11-24T12:00:00Z'),
    ...more,
  };
}
const said = (value: ReturnType<typeof loop>) =>
  Object.fromEntries(value.stages.map(({ name, status, main }) => [name, [status, main]]));

test('each station of the loop, from commit to the next retraining', () => {
  const traffic = new Map([['demo-staging/prices', { rate: 30, errors: 0.1 }]]);
  expect(said(loop({ traffic }, [deployed('staging', 'v1')]))).toEqual({
    Commit: ['succeeded', 'de62a17'],
    Tag: ['succeeded', 'v1'],
    Run: ['succeeded', 'passed'],
    Image: ['succeeded', 'aaaaaaaa'],
    Staging: ['healthy', 'v1'],
    Production: [undefined, 'nothing yet'],
    Traffic: ['degraded', '30/min'],
    Drift: [undefined, 'not watched'],
    Retraining: ['pending', 'next'],
  });
});

test('whether inputs drift, since when, and which feature most', () => {
  const told = (
    status: 'True' | 'False' | 'Unknown',
    reason: string,
    more: Partial<Model['status']> = {},
  ) => {
    const condition = {
      type: 'Drifting',
      status,
      reason,
      message: 'staging: x psi 1.5 (threshold 0.2)',
      lastTransitionTime: '2026-11-24T11:00:00Z',
    };
    const drifted: Model = { ...model, status: { conditions: [condition], ...more } };
    return loopOf(drifted, inputs());
  };
  const furthest = { environment: 'staging', feature: 'x', method: 'psi', score: 1.5 } as const;
  const nothing = { at: '', outcome: 'NothingNew', message: 'drifting, nothing new to learn from' };
  const found = told('True', 'InputsDrift', { drift: furthest, lastRetrain: nothing });
  expect(found.stages.find(({ name }) => name === 'Drift')).toMatchObject({
    status: 'warning',
    main: 'drifting',
    note: 'x 1.5',
    at: '2026-11-24T11:00:00Z',
    to: '/models/demo/prices?tab=drift',
  });
  expect(found.stages.find(({ name }) => name === 'Retraining')?.detail).toBe('last: nothing new');
  expect(concernsOf([found])[0]).toMatchObject({
    severity: 'warning',
    title: 'prices is asked what it was not trained for',
    body: 'staging: x psi 1.5 (threshold 0.2); nothing new to learn from',
    command: 'tagboat drift prices',
  });
  expect(said(told('False', 'InputsSteady')).Drift).toEqual(['healthy', 'steady']);
  expect(said(told('Unknown', 'TooFewRequests')).Drift).toEqual(['unknown', 'too few requests']);
  expect(said(told('Unknown', 'NoReference')).Drift).toEqual(['unknown', 'no reference']);
});

test('the next retraining is the schedule’s', () => {
  expect(loop().stages.at(-1)!.at).toBe('2026-11-30T03:00:00.000Z');
});

test('nothing has happened yet', () => {
  const empty = said(loop({ runs: [], repositories: [] }));
  expect(empty.Commit).toEqual([undefined, 'none yet']);
  expect(empty.Run).toEqual([undefined, 'none yet']);
});

test('what users feel comes first, then what stops a release, then what waits for a person', () => {
  const loops = [
    loop({ runs: [run({ state: 'failed', tag: 'v2' })] }, [
      deployed('staging', 'v2'),
      deployed('production', 'v1', 'Degraded'),
    ]),
  ];
  expect(concernsOf(loops).map(({ severity, title }) => [severity, title])).toEqual([
    ['danger', 'prices is degraded in production'],
    ['danger', 'The run of prices v2 failed'],
    ['info', 'staging runs prices v2, production still v1'],
  ]);
});

test('all is well', () => {
  expect(concernsOf([loop({}, [deployed('staging', 'v1'), deployed('production', 'v1')])])).toEqual([]);
});
