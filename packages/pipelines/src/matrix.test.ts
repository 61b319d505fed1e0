import { expect, test } from 'vitest';
import { countCombinations, fanOut, hasEmptyMatrix } from './matrix.ts';
import { childNames } from './names.ts';

const shown = (matrix: Parameters<typeof fanOut>[0]) =>
  fanOut(matrix).map((params) => params.map(({ name, value }) => `${name}=${value}`).join(' '));
const platforms = { name: 'platform', value: ['linux', 'mac'] };
const browsers = { name: 'browser', value: ['chrome', 'firefox'] };

test('params combine in Tekton’s order: the last varies slowest', () => {
  expect(shown({ params: [platforms, browsers] })).toEqual([
    'browser=chrome platform=linux',
    'browser=chrome platform=mac',
    'browser=firefox platform=linux',
    'browser=firefox platform=mac',
  ]);
});

test('include adds to combinations that it agrees with, and is one of its own where it agrees with none', () => {
  const include = [
    { name: 'common', params: [{ name: 'version', value: '1' }] },
    {
      name: 'flags',
      params: [
        { name: 'platform', value: 'mac' },
        { name: 'flags', value: '-v' },
      ],
    },
    { name: 'other', params: [{ name: 'platform', value: 'plan9' }] },
  ];
  expect(shown({ params: [platforms], include })).toEqual([
    'platform=linux version=1',
    'flags=-v platform=mac version=1',
    'platform=plan9',
  ]);
  expect(shown({ include })).toEqual(['version=1', 'flags=-v platform=mac', 'platform=plan9']);
});

test('combinations are counted without being made where they are too many', () => {
  const value = Array.from({ length: 1000 }, (_, index) => String(index));
  const params = ['a', 'b', 'c', 'd'].map((name) => ({ name, value }));
  expect(countCombinations({ params }, 256)).toBe(1e12);
  expect(countCombinations({ params: [platforms, browsers] }, 256)).toBe(4);
  const task = (list: string[]) => ({ name: 't', matrix: { params: [{ name: 'a', value: list }] } });
  expect([hasEmptyMatrix(task([])), hasEmptyMatrix(task(['x']))]).toEqual([true, false]);
});

test('the run of the one combination there is has the name of a task without a matrix', () => {
  expect(childNames('run', 'task', 1)).toEqual(['run-task']);
  expect(childNames('run', 'task', 2)).toEqual(['run-task-0', 'run-task-1']);
});
