import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SectionFinder, VisibleLines } from './folds.ts';
import { LogBuffer } from './log-buffer.ts';
import { geometryOf, isScaled, lastOffset, offsetAt, scrollTopAt } from './scroll.ts';

const time = '2026-11-24T13:54:53.240Z';

async function found(buffer: LogBuffer, words: string, limit = 1000): Promise<number[]> {
  const all: number[] = [];
  for await (const numbers of buffer.search(words, limit)) all.push(...numbers);
  return all;
}

test('lines come whole, however the text is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 12 })), fc.integer({ min: 1, max: 7 }), (words, size) => {
      const lines = words.map((word) => word.replace(/[\n\r]/g, ''));
      const text = lines.map((line) => `${line}\n`).join('');
      const buffer = new LogBuffer();
      for (let at = 0; at < text.length; at += size) buffer.append(text.slice(at, at + size));
      expect(Array.from({ length: buffer.length }, (_, index) => buffer.line(index + 1).text)).toEqual(lines);
    }),
  );
});

test('times are apart from the text, and a last line without an end counts when the log ends', () => {
  const buffer = new LogBuffer();
  buffer.append(`${time} hello\n${time} rest`);
  expect(buffer.length).toBe(1);
  buffer.end();
  expect(buffer.line(1)).toEqual({ number: 1, time, text: 'hello' });
  expect(buffer.line(2).text).toBe('rest');
});

test('a progress bar shows what it drew last', () => {
  const buffer = new LogBuffer();
  buffer.append('10%\r50%\r100%\n');
  expect(buffer.line(1).text).toBe('100%');
});

test('the search finds every line once, in any case, but not in times', async () => {
  const buffer = new LogBuffer();
  for (let index = 0; index < 50; index++)
    buffer.append(`${time} line ${index} ${index % 10 === 0 ? 'Error Error' : ''}\n`);
  expect(await found(buffer, 'eRRor')).toEqual([1, 11, 21, 31, 41]);
  expect(await found(buffer, '2026')).toEqual([]);
  expect(await found(buffer, 'line', 7)).toHaveLength(7);
});

test('the search agrees with a look at each line', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[abİ ]{0,6}$/)),
      fc.stringMatching(/^[ab]{1,2}$/),
      async (lines, words) => {
        const buffer = new LogBuffer();
        buffer.append(lines.map((line) => `${line}\n`).join(''));
        const expected = lines.flatMap((line, index) =>
          line.toLowerCase().includes(words) ? [index + 1] : [],
        );
        expect(await found(buffer, words)).toEqual(expected);
      },
    ),
  );
});

test('a million lines are kept, and any of them is found', () => {
  const buffer = new LogBuffer();
  for (let block = 0; block < 100; block++)
    buffer.append(
      Array.from({ length: 10_000 }, (_, index) => `line ${block * 10_000 + index + 1}\n`).join(''),
    );
  expect(buffer.length).toBe(1_000_000);
  for (const number of [1, 10_000, 10_001, 654_321, 1_000_000])
    expect(buffer.line(number).text).toBe(`line ${number}`);
});

test('a notebook’s cells and groups are sections', () => {
  const finder = new SectionFinder();
  const lines = [
    '[cell 1/2] a',
    '  one',
    '  two',
    '[cell 1/2] done in 1s',
    '[cell 2/2] b',
    '::group::files',
    'x',
    '::endgroup::',
    'after',
  ];
  for (const [index, line] of lines.entries()) finder.add(index + 1, line);
  expect(finder.sections).toEqual([
    { heading: 1, end: 4 },
    { heading: 6, end: 8 },
  ]);
});

test('folded lines are not there, and rows find their lines again', () => {
  const visible = new VisibleLines(10, [
    { heading: 2, end: 4 },
    { heading: 7, end: 8 },
  ]);
  const shown = Array.from({ length: visible.total }, (_, row) => visible.lineAt(row));
  expect(shown).toEqual([1, 2, 5, 6, 7, 9, 10]);
  expect(shown.map((line) => visible.rowOf(line))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(visible.rowOf(3)).toBe(1);
});

test('the scroll bar reaches the last of a million rows, and comes back to where it was', () => {
  const geometry = geometryOf(1_000_000, 20, 600);
  expect(isScaled(geometry)).toBe(true);
  expect(offsetAt(geometry, geometry.height - 600)).toBe(lastOffset(geometry));
  for (const offset of [0, 12_345, 9_999_999, lastOffset(geometry)])
    expect(offsetAt(geometry, scrollTopAt(geometry, offset))).toBeCloseTo(offset, 0);
  expect(offsetAt(geometryOf(100, 20, 600), 123)).toBe(123);
});
