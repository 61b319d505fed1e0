import { expect, test } from 'vitest';
import { expand } from './environment.ts';

test('variables that are known are replaced, $$ keeps one as it is, what is unknown stays', () => {
  expect(expand('$(A)-$$(A)-$(B)-$A', { A: 'a' })).toBe('a-$(A)-$(B)-$A');
});
