import { fileURLToPath } from 'node:url';
import { notFound, TagboatError } from '@tagboat/base';
import { expect, it } from 'vitest';
import { check, hostFindings } from './health.ts';

it('what a token may not look at is a note, not something missing', async () => {
  const error = new TagboatError('not with this token', { reason: 'Forbidden' });
  const refused = await check('store', () => Promise.reject(error), 'restore');
  expect(refused).toEqual({
    what: 'store',
    state: 'note',
    found: 'this token may not look: not with this token',
  });
  const gone = await check('store', () => Promise.reject(notFound('no store')), 'restore it');
  expect(gone).toEqual({ what: 'store', state: 'missing', found: 'no store; restore it' });
  const hinted = await check(
    'store',
    () => Promise.reject(notFound('no key', { hint: 'find it' })),
    'restore it',
  );
  expect(hinted.found).toBe('no key (find it)');
});

it('a state directory that cannot hold anything is told', async () => {
  const here = fileURLToPath(import.meta.url);
  const found = await hostFindings(here, () => Promise.reject(notFound('no tools')));
  expect(found.find(({ what }) => what === 'state')).toMatchObject({
    state: 'missing',
    found: expect.stringContaining(`expected a directory, found the file ${here}`),
  });
});
