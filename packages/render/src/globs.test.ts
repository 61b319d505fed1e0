import { expect, it } from 'vitest';
import { matchesTag } from './globs.ts';

it('matches tags by patterns, also those of many parts', () => {
  expect(matchesTag('v1.2.3', ['v*'])).toBe(true);
  expect(matchesTag('v1.2.3-rc1', ['v*.*.*-rc*', 'x'])).toBe(true);
  expect(matchesTag('flaky@v1', ['{flaky,other}@v*'])).toBe(true);
  expect(matchesTag('v1/x', ['v*'])).toBe(false);
});

it('a pattern that would never end is an error', () => {
  const tag = 'a'.repeat(200);
  for (const pattern of [`${'*a'.repeat(12)}b`, '{a,b}'.repeat(22)])
    expect(() => matchesTag(tag, [pattern])).toThrow(/takes too long to match/);
});
