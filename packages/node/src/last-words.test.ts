import { expect, test } from 'vitest';
import { lastWords } from './last-words.ts';

test.each<[string, string[], string]>([
  ['nothing', [], ''],
  ['the last line', ['works', 'ValueError: x', '', ' '], 'ValueError: x'],
  [
    'an error of several lines',
    ['error: early', 'works', 'error: nb.ipynb, cell 4: ValueError: x', '  at: raise', ''],
    'error: nb.ipynb, cell 4: ValueError: x\n  at: raise',
  ],
  ['what came long after an error', ['error: early', ...Array(30).fill('works'), 'killed'], 'killed'],
])('%s', (_name, tail, words) => {
  expect(lastWords(tail)).toBe(words);
});
