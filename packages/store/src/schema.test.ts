import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { kinds } from '@tagboat/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDiskStore } from './index.ts';
import { migrate, migrations, problemsOf } from './schema.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'schema-'));
  path = join(directory, 'store.sqlite');
});
afterEach(() => rm(directory, { recursive: true }));

const open = () => openDiskStore({ directory, keyFile: join(directory, 'key') });
const key = { type: kinds.ConfigMap, namespace: 'demo', name: 'kept' };
const json = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kept', namespace: 'demo', uid: 'u', resourceVersion: '7' },
});

/** A store as the first Tagboat wrote it. */
function writeFirstVersion(): void {
  using database = new DatabaseSync(path);
  migrate(database, path, migrations.slice(0, 1));
  database.prepare('INSERT INTO objects VALUES (?, ?, ?, ?, ?)').run('/configmaps', 'demo', 'kept', 7, json);
  database.exec("UPDATE counters SET value = 7 WHERE name = 'revision'");
}

test('a store of the first version is read, and copied before it changes', async () => {
  writeFirstVersion();
  const store = await open();
  expect([(await store.get(key))?.metadata.uid, store.resourceVersion]).toEqual(['u', '7']);
  await store.delete(key);
  await store[Symbol.asyncDispose]();
  using copy = new DatabaseSync(`${path}.schema-1`);
  expect(copy.prepare('SELECT json FROM objects').all()).toEqual([{ json }]);
  expect(copy.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
});

test('a step that fails leaves everything as it was', () => {
  writeFirstVersion();
  using database = new DatabaseSync(path);
  expect(() => migrate(database, path, [migrations[0]!, 'DROP TABLE objects; DROP TABLE nothing'])).toThrow();
  if (database.isTransaction) database.exec('ROLLBACK');
  expect(database.prepare('SELECT json FROM objects').all()).toEqual([{ json }]);
});

test('a store of a newer version is left alone', async () => {
  const store = await open();
  await store[Symbol.asyncDispose]();
  {
    using database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
  }
  await expect(open()).rejects.toMatchObject({ reason: 'NewerSchema' });
});

test('finds texts that cannot be read and revisions that cannot be', async () => {
  await (await open())[Symbol.asyncDispose]();
  using database = new DatabaseSync(path);
  expect(problemsOf(database)).toEqual([]);
  const put = database.prepare(
    'INSERT INTO objects (type, namespace, name, revision, json) VALUES (?, ?, ?, ?, ?)',
  );
  put.run('/configmaps', 'demo', 'torn', 1, '{"metadata":');
  put.run('/configmaps', 'demo', 'later', 50, '{"metadata":{"name":"later"}}');
  put.run('/configmaps', 'demo', 'other', 1, '{"metadata":{"name":"another"}}');
  expect(problemsOf(database)).toEqual([
    '/configmaps demo/torn cannot be read',
    '/configmaps demo/later has revision 50, after the newest 1',
    '/configmaps demo/other cannot be read',
  ]);
});
