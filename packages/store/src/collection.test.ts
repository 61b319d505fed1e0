import { expect, test } from 'vitest';
import { Residents } from './collection.ts';

test('few large objects leave the memory as many small ones do', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
    data: { a: 'x'.repeat(600) },
  };
  const residents = new Residents(1000, 2000);
  const entries = Array.from({ length: 12 }, () => residents.entry(JSON.stringify(object), object));
  expect(entries.filter(({ object: kept }) => kept).length).toBeLessThanOrEqual(6);
  expect(residents.object(entries[0]!)).toEqual(object);
});
