import { describe, expect, test } from 'vitest';
import { diffOf, patchLines } from './diff-view.tsx';
import { ansiHtml } from './safe-html.ts';

const text = (lines: ReturnType<typeof diffOf>) =>
  lines.map(({ kind, text: line }) => `${{ same: ' ', added: '+', removed: '-', gap: '~' }[kind]}${line}`);

describe('differences of texts', () => {
  test('have some lines around them, the rest is folded', () => {
    const before = Array.from({ length: 12 }, (_, index) => `line ${index}`).join('\n');
    expect(text(diffOf(before, before.replace('line 6', 'other'), 1))).toEqual([
      '~5 equal lines',
      ' line 5',
      '-line 6',
      '+other',
      ' line 7',
      '~4 equal lines',
    ]);
  });

  test('equal texts have none; a new file is all added', () => {
    expect(diffOf('a\nb', 'a\nb')).toEqual([]);
    expect(text(diffOf('', 'a\nb\n'))).toEqual(['+a', '+b']);
  });

  test('a patch keeps its line numbers', () => {
    const lines = patchLines('@@ -3,2 +3,3 @@ def f\n a\n-b\n+c\n+d\n\\ No newline at end of file\n');
    expect(text(lines)).toEqual(['~line 3 def f', ' a', '-b', '+c', '+d']);
    expect(lines.at(-1)?.after).toBe(5);
  });
});

test('colours of a terminal become classes, and markup stays text', () => {
  const html = ansiHtml('\u001b[31mred\u001b[0m <img src=x onerror=alert(1)>');
  expect(html).toContain('<span class="ansi-red-fg">red</span>');
  expect(html).toContain('&lt;img');
  expect(ansiHtml('\u001b]8;;javascript:alert(1)\u0007x\u001b]8;;\u0007')).not.toContain('href');
});
