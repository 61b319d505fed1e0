import type { Deployment, ReplicaSet } from '@tagboat/api';
import { describe, expect, it } from 'vitest';
import { planScaling, replicasAnnotations } from './plan-scaling.ts';

const deployment = (replicas: number, more: Partial<NonNullable<Deployment['spec']>> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { spec: { containers: [] } },
    strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    ...more,
  },
});
const set = (name: string, replicas: number, of: Deployment): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name, annotations: replicasAnnotations(of) },
  spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
});
const plan = (to: Deployment, current: ReplicaSet, ...old: ReplicaSet[]) => {
  const found = planScaling(to, current, old);
  return found && Object.fromEntries(found);
};

describe('planScaling', () => {
  const ten = deployment(10);

  it('gives each version its share when a Deployment grows in the middle of a rollout', () => {
    expect(plan(deployment(15), set('new', 5, ten), set('old', 8, ten))).toEqual({ new: 7, old: 11 });
  });

  it('takes from each version when it shrinks, and everything at zero', () => {
    expect(plan(deployment(5), set('new', 5, ten), set('old', 8, ten))).toEqual({ new: 3, old: 5 });
    expect(plan(deployment(0), set('new', 5, ten), set('old', 8, ten))).toEqual({ new: 0, old: 0 });
  });

  it('leaves the rollout alone where nothing was scaled', () => {
    expect(plan(ten, set('new', 5, ten), set('old', 8, ten))).toBeUndefined();
  });

  it('scales a paused Deployment, and starts no rollout', () => {
    const paused = deployment(4, { paused: true });
    expect(plan(paused, set('new', 0, ten), set('old', 10, ten))).toEqual({ old: 4 });
    const same = deployment(10, { paused: true });
    expect(plan(same, set('new', 5, ten), set('old', 8, ten))).toEqual({});
  });
});
