import { ManualClock } from '@tagboat/base';
import { expect, test } from 'vitest';
import type { Application } from './application.ts';
import type { Comparison } from './plan-sync.ts';
import type { RenderedSource } from './source.ts';
import { SyncAttempts } from './sync-attempts.ts';

const application: Application = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'a', namespace: 'argocd' },
  spec: {
    source: { repoURL: 'r' },
    destination: {},
    syncPolicy: { automated: { selfHeal: true, prune: true } },
  },
  status: { operationState: { phase: 'Succeeded', message: '', startedAt: '' } },
};
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } };
const rendered: RenderedSource = { revision: 'r1', sourceType: 'Directory', objects: [object] };
const differs: Comparison = {
  resources: [],
  synced: false,
  health: { status: 'Healthy' },
  toApply: [object],
  toPrune: [],
  changes: new Map(),
};

test('who edits again and again is healed later and later, and at once again after a time of peace', () => {
  const clock = new ManualClock();
  const attempts = new SyncAttempts(clock);
  const isDue = () => attempts.isDue(application, rendered, differs);
  for (const wait of [0, 0, 2000, 6000, 18_000]) {
    if (wait > 0) expect(isDue()).toBe(false);
    clock.advance(wait);
    expect(isDue()).toBe(true);
    attempts.note(application, rendered);
  }
  clock.advance(600_000);
  attempts.note(application, rendered);
  expect(isDue()).toBe(true);
});
