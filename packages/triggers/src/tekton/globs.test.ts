import { describe, expect, it } from 'vitest';
import { matchesGlobPattern } from './globs.ts';

describe('globs', () => {
  it.each([
    ['docs/**.md', 'docs/a/b.md', true],
    ['docs/*.md', 'docs/a/b.md', true],
    ['***.go', 'main.go', true],
    ['refs/tags/1.*', 'refs/tags/1.0', true],
    ['refs/heads/{main,rel-*}', 'refs/heads/rel-2', true],
    ['a[!b-d]e', 'ace', false],
    ['a[!b-d]e', 'axe', true],
    ['v?.?', 'v1.2', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['{a,{b,c}d}', 'cd', true],
    ['main', 'main2', false],
  ])('%s on %s is %s', (pattern, text, wanted) => {
    expect(matchesGlobPattern(pattern, text)).toBe(wanted);
  });
  it('stays quick on patterns made to be slow, and refuses what explodes', () => {
    expect(matchesGlobPattern(`${'*a'.repeat(100)}b`, 'a'.repeat(4000))).toBe(false);
    expect(() => matchesGlobPattern('{a,b}'.repeat(20), 'x')).toThrow(/alternatives/);
    expect(() => matchesGlobPattern('{a', 'x')).toThrow(/"\{" without/);
  });
});
