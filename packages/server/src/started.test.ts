import { expect, test } from 'vitest';
import { whole } from './started.ts';

test('a platform that still starts says so, and tells no half of what it is', () => {
  expect(() => whole({})).toThrow(/still starting/);
  expect(whole({ url: 'http://127.0.0.1:8080', registry: '127.0.0.1:8080' })).toHaveProperty('registry');
});
