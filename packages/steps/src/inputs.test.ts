import { expect, it } from 'vitest';
import { reuseKey } from './inputs.ts';

it('is another key for every value of a parameter, those of no JSON among them', () => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null, 'NaN', 0];
  const keys = values.map((x) => reuseKey('train', { files: [], data: [], environment: '', about: { x } }));
  expect(new Set(keys).size).toBe(values.length);
});
