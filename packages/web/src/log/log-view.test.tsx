// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { AnsiText } from './ansi-text.tsx';

afterEach(cleanup);

const markup = '<img src=x onerror="alert(1)"><script>alert(1)</script>';

test('a log’s markup is text', () => {
  render(<AnsiText text={markup} search="" />);
  expect(document.querySelector('img, script')).toBeNull();
  expect(document.body.textContent).toBe(markup);
});

test('a log’s markup among colours is text too, and so is what is searched', () => {
  render(
    <AnsiText
      text={`\x1b[31m${markup}\x1b[0m \x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07`}
      search="script"
    />,
  );
  expect(document.querySelector('img, script, a')).toBeNull();
  expect(document.querySelector('.ansi-red')?.textContent).toContain('<img');
  expect(screen.getAllByText('script').length).toBeGreaterThan(1);
});
