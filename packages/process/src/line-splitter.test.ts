import { expect, test } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function linesOf(pieces: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

test.each<[string, string[]]>([
  ['one\ntwo\n', ['one', 'two']],
  ['one\r\n\r\ntwo', ['one', '', 'two']],
  [' 10%\r 20%\r100%\n', [' 10%', ' 20%', '100%']],
  ['grün\n€\n', ['grün', '€']],
  ['', []],
  ['\n', ['']],
])('%j, however it is cut', (text, lines) => {
  const whole = Buffer.from(text);
  expect(linesOf([whole])).toEqual(lines);
  expect(linesOf([...whole].map((byte) => Buffer.from([byte])))).toEqual(lines);
  for (let at = 0; at <= whole.length; at++)
    expect(linesOf([whole.subarray(0, at), whole.subarray(at)])).toEqual(lines);
});

test('a line without an end does not grow for ever', () => {
  const lines = linesOf([Buffer.alloc(200_000, 'x')]);
  expect(lines.join('')).toHaveLength(200_000);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(70_000);
});
