import type { HandledRef } from '@tagboat/api';
import { describe, expect, it } from 'vitest';
import { inGroups, type RefToHandle, refsToHandle } from './plan-triggers.ts';

describe('refsToHandle', () => {
  it('orders tags by version and skips what the ledger knows at that commit', () => {
    const entry = (ref: string, commit: string) => ({ spec: { ref, commit } }) as HandledRef;
    const refs = {
      'refs/tags/v0.10': 'a',
      'refs/tags/v0.9': 'b',
      'refs/heads/main': 'c',
      'refs/tags/v0.1': 'd',
      'refs/pull/1/head': 'e',
    };
    const found = refsToHandle(refs, [entry('refs/tags/v0.1', 'old')]);
    expect(found.map(({ short }) => short)).toEqual(['v0.1', 'v0.9', 'v0.10', 'main']);
    expect(refsToHandle(refs, [entry('refs/tags/v0.1', 'd')])).toHaveLength(3);
  });
});

describe('inGroups', () => {
  it('takes side branches together, ten at most, and all else alone and in order', () => {
    const ref = (kind: RefToHandle['kind'], short: string) => ({ kind, short, ref: short, commit: 'c' });
    const sides = Array.from({ length: 12 }, (_, index) => ref('branch', `side${index}`));
    const refs = [
      ref('tag', 'v1'),
      ref('tag', 'v2'),
      ref('branch', 'main'),
      ...sides,
      ref('candidate', 'm/1'),
    ];
    const groups = inGroups(refs, 'main');
    expect(groups.map(({ length }) => length)).toEqual([1, 1, 1, 10, 2, 1]);
    expect(groups.flat()).toEqual(refs);
  });
});
