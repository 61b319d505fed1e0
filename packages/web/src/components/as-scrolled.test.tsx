// @vitest-environment happy-dom
import { act, cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { DataTable } from './data-table.tsx';

afterEach(cleanup);

test('a long table draws its first rows, and more where its end comes near the window', () => {
  const seen: ((entries: { isIntersecting: boolean }[]) => void)[] = [];
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      constructor(callback: (entries: { isIntersecting: boolean }[]) => void) {
        seen.push(callback);
      }
      observe() {}
      disconnect() {}
    },
  );
  const rows = Array.from({ length: 500 }, (_, index) => `row ${index}`);
  render(
    <DataTable
      label="Rows"
      columns={[{ title: 'Name', cell: (row: string) => row }]}
      rows={rows}
      keyOf={(row) => row}
    />,
  );
  expect(screen.getAllByRole('row')).toHaveLength(201);
  expect(screen.getByText('300 more below')).toBeTruthy();
  act(() => seen.at(-1)!([{ isIntersecting: true }]));
  act(() => seen.at(-1)!([{ isIntersecting: true }]));
  expect(screen.getAllByRole('row')).toHaveLength(501);
  expect(screen.queryByText(/more below/)).toBeNull();
  vi.unstubAllGlobals();
});
