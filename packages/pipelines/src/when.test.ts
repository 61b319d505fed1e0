import { expect, test } from 'vitest';
import { whenHolds } from './when.ts';

test('expressions hold together or not at all', () => {
  expect(whenHolds(undefined)).toBe(true);
  expect(whenHolds([{ input: 'a', operator: 'in', values: ['a'] }, { cel: "'x' == 'x'" }])).toBe(true);
  expect(whenHolds([{ input: 'a', operator: 'notin', values: ['a'] }])).toBe(false);
  expect(() => whenHolds([{ cel: '1 + 1' }])).toThrow('is not evaluated to a boolean');
});

test('an expression that takes for ever is given up', () => {
  const cel = `'${'a'.repeat(40)}!'.matches('^(a+)+$')`;
  expect(() => whenHolds([{ cel }])).toThrow('it takes more than 1000 ms');
});
