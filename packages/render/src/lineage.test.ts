import type { Experiment } from '@tagboat/api';
import { expect, test } from 'vitest';
import { isMeant, placeOf, traceOf } from './lineage.ts';

const experiment = {
  metadata: { name: 'run-1', namespace: 'demo' },
  spec: {
    model: 'm',
    tag: 'v1',
    commit: 'abcdef0123456789',
    modelDigest: 'sha256:1111111111',
    data: { d: 'sha256:2222222222' },
  },
} as unknown as Experiment;

const service = (annotations: Record<string, string>) => ({
  apiVersion: 'serving.kserve.io/v1beta1',
  kind: 'InferenceService',
  metadata: { name: 'm', namespace: 'demo-staging', annotations },
});

test.each(['run-1', 'm', 'v1', 'abcdef0', '1111111', 'sha256:2222222'])('%s means the experiment', (what) =>
  expect(isMeant(experiment, what)).toBe(true),
);

test.each(['abcdef', 'v2', '3333333', 'run'])('%s does not', (what) =>
  expect(isMeant(experiment, what)).toBe(false),
);

test('a model serves where its digest is; nothing without a digest is the same as nothing', () => {
  const places = [
    placeOf(service({ 'tagboat.dev/model-digest': 'sha256:1111111111', 'tagboat.dev/data': 'no json' })),
    placeOf(service({})),
  ];
  expect(traceOf(experiment, places).serving).toHaveLength(1);
  const without = { ...experiment, spec: { ...experiment.spec!, modelDigest: '' } };
  expect(traceOf(without, places).serving).toEqual([]);
});
