// @vitest-environment happy-dom
import { TagboatError } from '@tagboat/base';
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, expect, test, vi } from 'vitest';
import { ActionButton } from './action-button.tsx';
import { Gate } from './states.tsx';
import { Status, StatusIcon, statusNamed } from './status.tsx';
import { Ago, Duration, durationText, relativeTime } from './time.tsx';

afterEach(cleanup);

/** Inside a router, as every page is. */
async function show(children: ReactNode): Promise<void> {
  const router = createRouter({
    routeTree: createRootRoute({ component: () => children }),
    history: createMemoryHistory(),
  });
  render(<RouterProvider router={router as never} />);
  await waitFor(() => expect(document.body.textContent).not.toBe(''));
}

const gate = (of: Parameters<typeof Gate>[0]['of']) => show(<Gate of={of}>{() => <p>the content</p>}</Gate>);
const failed = (reason: string, message = 'words of the platform') => ({
  status: 'failed' as const,
  error: new TagboatError(message, { reason }),
});

test('a page shows its content once everything is there', async () => {
  await gate([{ status: 'ready' }]);
  expect(screen.getByText('the content')).toBeDefined();
});

test('while something is read, a page shows where it will be', async () => {
  render(<Gate of={[{ status: 'ready' }, { status: 'loading' }]}>{() => <p>the content</p>}</Gate>);
  expect(screen.getByRole('status', { name: 'Loading' })).toBeDefined();
  expect(screen.queryByText('the content')).toBeNull();
});

test.each([
  [failed('Unauthorized'), 'You are signed out'],
  [failed('Forbidden'), 'This is not yours to see'],
  [failed('NotFound'), 'There is nothing here'],
  [failed('Unavailable'), 'This did not work'],
  [{ status: 'missing' as const }, 'There is nothing here'],
])('each way to fail has its page: %j', async (state, title) => {
  await gate([state]);
  expect(screen.getByText(title)).toBeDefined();
});

test('an action that asks says what will happen and shows the command; nothing happens before', async () => {
  const act = vi.fn(async () => undefined);
  render(
    <ActionButton
      label="Cancel"
      command="kubectl patch"
      act={act}
      confirm={{ title: 'Cancel it?', body: 'It stops.', danger: true }}
    />,
  );
  fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  await screen.findByText('It stops.');
  expect(act).not.toHaveBeenCalled();
  expect(screen.getAllByText('kubectl patch').length).toBeGreaterThan(0);
  fireEvent.click(screen.getAllByRole('button', { name: 'Cancel' }).at(-1)!);
  await waitFor(() => expect(act).toHaveBeenCalledOnce());
  await waitFor(() => expect(screen.queryByText('It stops.')).toBeNull());
});

test('an action that fails says why, in the platform’s words', async () => {
  const act = async () => {
    throw new TagboatError('somebody else changed it first', { reason: 'Conflict' });
  };
  render(<ActionButton label="Sync" act={act} />);
  fireEvent.click(screen.getByRole('button', { name: 'Sync' }));
  await screen.findByText('somebody else changed it first');
});

test('states have words for those who do not see the icons', () => {
  render(<StatusIcon status="outofsync" />);
  expect(screen.getByRole('img', { name: 'OutOfSync' })).toBeDefined();
  render(<Status status="healthy" />);
  expect(screen.getByText('Healthy')).toBeDefined();
  expect(['Healthy', 'OutOfSync', 'True', 'Nonsense', undefined].map(statusNamed)).toEqual([
    'healthy',
    'outofsync',
    'succeeded',
    'unknown',
    'unknown',
  ]);
});

test.each([
  [-1000, 'just now'],
  [-42_000, '42s ago'],
  [-3_600_000 * 5, '5h ago'],
  [3_600_000 * 24 * 3, 'in 3d'],
])('%d milliseconds from now is %s', (distance, words) => {
  expect(
    relativeTime(distance, 0).replaceAll('\u00a0', ' ').replace('hr.', 'h').replace('days', 'd'),
  ).toContain(words.slice(0, 4));
});

test.each([
  [400, '0.4s'],
  [12_300, '12s'],
  [185_000, '3m 05s'],
  [3_720_000, '1h 02m'],
])('%d milliseconds last %s', (milliseconds, words) => {
  expect(durationText(milliseconds)).toBe(words);
});

test('times show the exact moment on hover', () => {
  render(<Ago at="2026-11-24T13:54:40Z" />);
  expect(document.querySelector('time')?.title).toContain('2026');
  render(<Duration from="2026-11-24T13:54:40Z" to="2026-11-24T13:55:09Z" />);
  expect(screen.getByText('29s')).toBeDefined();
});
