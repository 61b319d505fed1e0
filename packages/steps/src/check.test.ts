import { expect, it } from 'vitest';
import { testsByDirectory } from './check.ts';

it('finds the model that each test belongs to', () => {
  const tests = ['tests/test_x.py', 'b/tests/test_y.py', 'b/c/test_z.py', 'bb/test_w.py'];
  expect([...testsByDirectory(tests, [])]).toEqual([['.', tests]]);
  expect([...testsByDirectory(tests, ['.', 'b', 'b/c'])]).toEqual([
    ['.', ['tests/test_x.py', 'bb/test_w.py']],
    ['b', ['b/tests/test_y.py']],
    ['b/c', ['b/c/test_z.py']],
  ]);
  expect(testsByDirectory(tests, ['b']).get(undefined)).toEqual(['tests/test_x.py', 'bb/test_w.py']);
});
