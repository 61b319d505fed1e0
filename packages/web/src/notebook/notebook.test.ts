import { describe, expect, test } from 'vitest';
import { type Cell, type Notebook, pictureOf, plainTextOf, readNotebook } from './notebook.ts';
import { diffNotebooks } from './notebook-diff.ts';

const code = (source: string, more: Partial<Cell> = {}): Cell => ({ cell_type: 'code', source, ...more });
const of = (...cells: Cell[]): Notebook => ({ cells });
const kinds = (before: Notebook, after: Notebook) =>
  diffNotebooks(before, after).map(({ kind, number }) => `${number} ${kind}`);

describe('comparing notebooks', () => {
  test('equal ones have no change, whatever the execution counts', () => {
    const before = of(code('a', { execution_count: 1 }), code('b'));
    expect(kinds(before, of(code('a', { execution_count: 9 }), code('b')))).toEqual(['1 same', '2 same']);
  });

  test('a cell between others is added, and one that is gone is removed', () => {
    const before = of(code('first'), code('gone entirely'), code('last'));
    const after = of(code('first'), code('last'), code('new here'));
    expect(kinds(before, after)).toEqual(['1 same', '2 removed', '2 same', '3 added']);
  });

  test('a cell with other lines is changed, by its id or by what it has in common', () => {
    const before = of(code('a\nb\nc'), code('x', { id: 'k' }));
    const after = of(code('a\nb\nd'), code('quite different', { id: 'k' }));
    expect(diffNotebooks(before, after)).toMatchObject([
      { kind: 'changed', source: true, outputs: false },
      { kind: 'changed', source: true },
    ]);
  });

  test('outputs are compared by what is seen', () => {
    const before = of(code('a', { outputs: [{ output_type: 'stream', text: ['1\n'] }] }));
    const after = of(code('a', { outputs: [{ output_type: 'stream', text: '2\n' }] }));
    expect(diffNotebooks(before, after)).toMatchObject([{ kind: 'changed', source: false, outputs: true }]);
    const same = of(code('a', { outputs: [{ output_type: 'stream', text: '1\n' }] }));
    expect(kinds(before, same)).toEqual(['1 same']);
  });

  test('an empty side is all added or all removed', () => {
    expect(kinds(of(), of(code('a')))).toEqual(['1 added']);
    expect(kinds(of(code('a')), of())).toEqual(['1 removed']);
  });
});

describe('reading notebooks', () => {
  test.each([
    ['[', 'no notebook'],
    ['{"cells":[]}', 'format 4'],
    ['{"nbformat":3,"cells":[]}', 'format 4, found 3'],
    ['null', 'format 4'],
  ])('%s is refused', (text, message) => expect(() => readNotebook(text)).toThrow(message));

  test('pictures become sources of images, in which no script runs', () => {
    const svg = { output_type: 'display_data', data: { 'image/svg+xml': '<svg><script>1</script></svg>' } };
    expect(pictureOf(svg)?.source).toMatch(/^data:image\/svg\+xml;charset=utf-8,%3Csvg/);
    const png = { output_type: 'display_data', data: { 'image/png': 'AA\nBB', 'text/plain': 'a plot' } };
    expect(pictureOf(png)).toEqual({ source: 'data:image/png;base64,AABB', alt: 'a plot' });
    expect(pictureOf({ output_type: 'stream' })).toBeUndefined();
  });

  test('errors have their traceback as text', () => {
    expect(plainTextOf({ output_type: 'error', traceback: ['a', 'b'] })).toBe('a\nb');
    expect(plainTextOf({ output_type: 'error', ename: 'E', evalue: 'v' })).toBe('E: v');
  });
});
