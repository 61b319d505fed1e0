import type { Pod } from '@tagboat/api';
import { podStepsAnnotation } from '@tagboat/api';
import { expect, it } from 'vitest';
import { requestsOf } from './container-limits.ts';

const pod = (cpus: Record<string, string | undefined>, annotations: Record<string, string> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', annotations },
  spec: {
    containers: Object.entries(cpus).map(([name, cpu]) => ({
      name,
      ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
    })),
  },
});

it('adds up what containers ask for that run beside each other', () => {
  expect(requestsOf(pod({ a: '250m', b: '2' }))).toEqual({ requestedCpu: 2.25 });
  expect(requestsOf(pod({ a: '250m', b: undefined }))).toEqual({ requestedCpu: 1.25 });
  expect(requestsOf(pod({ a: undefined }))).toEqual({});
});

it('takes the largest of steps, which run one after the other, and their sidecars', () => {
  const task = { [podStepsAnnotation]: '{}' };
  expect(requestsOf(pod({ 'step-a': '250m', 'step-b': '500m' }, task))).toEqual({ requestedCpu: 0.5 });
  expect(requestsOf(pod({ 'step-a': '250m', 'sidecar-b': '1' }, task))).toEqual({ requestedCpu: 1.25 });
});
