import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { problemsOf } from './schema.ts';

/**
 * Revision, type, namespace, name and text (null: removed) of one record after another: one flat list goes to another
 * thread for half of what as many objects cost.
 */
export type AppendFields = (number | string | null)[];

interface Request {
  readonly id: number;
  readonly open?: true;
  readonly append?: AppendFields;
  /** A file for a consistent copy; it must not exist. */
  readonly backup?: string;
  readonly check?: true;
  readonly close?: true;
}

const port = parentPort!;
const database = new DatabaseSync((workerData as { path: string }).path);

function open(): void {
  // The exclusive lock is held until the process ends: two servers can never share one store.
  database.exec(
    'PRAGMA busy_timeout=0; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; BEGIN IMMEDIATE; COMMIT',
  );
}

interface Statements {
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly count: StatementSync;
}
let statements: Statements | undefined;

/** Prepared once: preparing costs as much as running. */
function prepared(): Statements {
  statements ??= {
    put: database.prepare(
      `INSERT INTO objects (type, namespace, name, revision, json) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (type, namespace, name) DO UPDATE SET revision = excluded.revision, json = excluded.json`,
    ),
    remove: database.prepare('DELETE FROM objects WHERE type = ? AND namespace = ? AND name = ?'),
    count: database.prepare("UPDATE counters SET value = ? WHERE name = 'revision'"),
  };
  return statements;
}

function append(fields: AppendFields): void {
  const { put, remove, count } = prepared();
  database.exec('BEGIN IMMEDIATE');
  try {
    let newest: number | string | null = 0;
    for (let at = 0; at < fields.length; at += 5) {
      const [revision, type, namespace, name, json] = fields.slice(at, at + 5);
      if (json === null) remove.run(type!, namespace!, name!);
      else put.run(type!, namespace!, name!, revision!, json!);
      newest = revision!;
    }
    count.run(newest);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

port.on('message', (request: Request) => {
  try {
    if (request.check) {
      port.postMessage({ id: request.id, problems: problemsOf(database) });
      return;
    }
    if (request.open) open();
    else if (request.append) append(request.append);
    else if (request.backup) database.prepare('VACUUM INTO ?').run(request.backup);
    else if (request.close) database.close();
    port.postMessage({ id: request.id });
  } catch (error) {
    port.postMessage({ id: request.id, error: (error as Error).message });
  }
});
