// @vitest-environment happy-dom
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, expect, test, vi } from 'vitest';
import { DataTable } from '../../components/index.ts';
import { DiffView, diffOf } from '../../content/diff-view.tsx';
import { LayeredGraph } from '../../layered-graph/layered-graph.tsx';
import { NotebookDiffView } from '../../notebook/index.ts';
import { environmentsOf, type Version } from './model-data.ts';
import { Overview } from './overview.tsx';

afterEach(cleanup);

async function show(children: ReactNode): Promise<void> {
  const router = createRouter({
    routeTree: createRootRoute({ component: () => children }),
    history: createMemoryHistory(),
  });
  render(<RouterProvider router={router as never} />);
  await vi.waitFor(() => expect(document.body.textContent).not.toBe(''));
}

const model = {
  metadata: { name: 'prices', namespace: 'demo' },
  spec: {
    deploy: [{ environment: 'staging' }, { environment: 'production' }],
    evaluate: { gates: [{ metric: 'error', max: 0.2 }] },
  },
};
const version = (name: string, error: number) =>
  ({
    name,
    at: '2026-01-01T00:00:00Z',
    passed: true,
    environments: [],
    spec: { metrics: { error } },
  }) as unknown as Version;

test('the overview says what is not there yet and how it comes there', async () => {
  await show(
    <Overview model={model} environments={environmentsOf(model, [])} versions={[]} appsUrl={undefined} />,
  );
  expect(screen.getAllByText('Nothing is released here yet.')).toHaveLength(2);
  expect(screen.getByDisplayValue('tagboat promote prices --to production')).toBeTruthy();
  expect(screen.getByText('No version yet')).toBeTruthy();
  expect(screen.getByLabelText('Not measured yet')).toBeTruthy();
});

test('the overview of a version shows its gates and what changed', async () => {
  const versions = [version('v2', 0.25), version('v1', 0.1)];
  await show(
    <Overview
      model={model}
      environments={environmentsOf(model, [])}
      versions={versions}
      appsUrl={undefined}
      shared
    />,
  );
  const gates = within(screen.getByRole('region', { name: 'Gates' }));
  expect(gates.getByLabelText('Not passed')).toBeTruthy();
  expect(gates.getByText('at most 0.2')).toBeTruthy();
  expect(screen.getByText('+0.15')).toBeTruthy();
  expect(screen.queryByRole('link')).toBeNull();
});

test('changed lines are said as well as coloured', () => {
  render(<DiffView lines={diffOf('a: 1\n', 'a: 2\n')} language="yaml" label="Changes" />);
  const rows = screen.getAllByRole('row').map(({ textContent }) => textContent);
  expect(rows).toEqual([expect.stringContaining('removed: a: 1'), expect.stringContaining('added: a: 2')]);
});

test('cells that are the same are shown when asked for', () => {
  const cell = (source: string) => ({ cell_type: 'code' as const, source });
  render(
    <NotebookDiffView
      before={{ cells: [cell('same'), cell('old\nline')] }}
      after={{ cells: [cell('same'), cell('new\nline')] }}
    />,
  );
  expect(screen.getAllByRole('article').map((one) => one.getAttribute('aria-label'))).toEqual([
    'Cell 2, source changed',
  ]);
  fireEvent.click(screen.getByRole('button', { name: 'Show 1 cell that is the same' }));
  expect(screen.getAllByRole('article')).toHaveLength(2);
});

test('a box of a graph is a button that says whether it is chosen', () => {
  const chosen: string[] = [];
  const boxes = ['a', 'b'].map((id, column) => ({ id, column, kind: 'Kind', title: id }));
  render(
    <LayeredGraph
      label="Graph"
      nodes={boxes}
      edges={[{ from: 'a', to: 'b' }]}
      selected="a"
      onSelect={(id) => chosen.push(id)}
    />,
  );
  const [first, second] = screen.getAllByRole('button');
  expect([first, second].map((box) => box?.getAttribute('aria-pressed'))).toEqual(['true', 'false']);
  fireEvent.click(second!);
  expect(chosen).toEqual(['b']);
});

test('a table names its columns', () => {
  render(
    <DataTable
      label="Things"
      columns={[{ title: 'Name', cell: ({ name }: { name: string }) => name }]}
      rows={[{ name: 'one' }, { name: 'two' }]}
      keyOf={({ name }) => name}
    />,
  );
  expect(screen.getByRole('columnheader', { name: 'Name' })).toBeTruthy();
  expect(screen.getAllByRole('cell').map(({ textContent }) => textContent)).toEqual(['one', 'two']);
});
