import { copyFileSync, existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { TagboatError } from '@tagboat/base';

/**
 * Each leads from one version of the tables to the next; the newest version is their number. One that has been released
 * is never changed: what comes later is a new one.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE objects (type TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, json TEXT NOT NULL,
     PRIMARY KEY (type, namespace, name)) WITHOUT ROWID;
   CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO counters VALUES ('revision', 1);`,
  // Rows of a table without row ids spill over to pages of their own from a kilobyte on, which doubles what a write costs.
  `CREATE TABLE rows (id INTEGER PRIMARY KEY, type TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
     revision INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE (type, namespace, name));
   INSERT INTO rows (type, namespace, name, revision, json) SELECT type, namespace, name, revision, json FROM objects;
   DROP TABLE objects;
   ALTER TABLE rows RENAME TO objects;`,
];

/**
 * Brings the tables to the newest version, each step in one transaction. A file that holds data is copied first, beside
 * it, so that the older Tagboat can be had back.
 * @throws `NewerSchema` for a file that a newer Tagboat wrote
 */
export function migrate(database: DatabaseSync, path: string, steps: readonly string[] = migrations): void {
  const { user_version: found } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (found > steps.length)
    throw new TagboatError(
      `${path} was written by a newer Tagboat (schema ${found}; this one knows ${steps.length})`,
      { reason: 'NewerSchema', hint: 'install the newer version again', retryable: false },
    );
  if (found > 0 && found < steps.length) keepCopy(database, path, found);
  for (let version = found; version < steps.length; version++)
    database.exec(`BEGIN IMMEDIATE; ${steps[version]}; PRAGMA user_version = ${version + 1}; COMMIT`);
}

function keepCopy(database: DatabaseSync, path: string, version: number): void {
  const copy = `${path}.schema-${version}`;
  if (existsSync(copy)) return;
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  copyFileSync(path, copy);
}

/** What is wrong with the tables: damage of the file, texts that are no JSON, revisions from the future. */
export function problemsOf(database: DatabaseSync): string[] {
  const found = database.prepare('PRAGMA integrity_check(20)').all() as { integrity_check: string }[];
  const problems = found.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  const { value: newest } = database.prepare("SELECT value FROM counters WHERE name = 'revision'").get() as {
    value: number;
  };
  const rows = database
    .prepare(
      `SELECT type, namespace, name, revision FROM objects
       WHERE revision > ? OR (json NOT LIKE 'aes256gcm:%' AND NOT json_valid(json))
          OR (json NOT LIKE 'aes256gcm:%' AND json_valid(json) AND json_extract(json, '$.metadata.name') IS NOT name) LIMIT 20`,
    )
    .all(newest) as { type: string; namespace: string; name: string; revision: number }[];
  for (const { type, namespace, name, revision } of rows)
    problems.push(
      revision > newest
        ? `${type} ${namespace}/${name} has revision ${revision}, after the newest ${newest}`
        : `${type} ${namespace}/${name} cannot be read`,
    );
  return problems;
}
