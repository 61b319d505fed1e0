import { expect, test } from 'vitest';
import { stepShare } from './task-resources.ts';

test('steps share the requests of their TaskRun, and each has its limits', () => {
  const whole = { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } };
  expect(stepShare(whole, 2)).toEqual({
    requests: { cpu: '500m', memory: '0.5Gi' },
    limits: { memory: '2Gi' },
  });
  expect(stepShare(whole, 1)).toEqual(whole);
  expect(stepShare({ limits: { cpu: '1' } }, 3)).toEqual({ limits: { cpu: '1' } });
  expect(stepShare({}, 2)).toBeUndefined();
  expect(stepShare(undefined, 2)).toBeUndefined();
});
