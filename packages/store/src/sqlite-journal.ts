import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { TagboatError } from '@tagboat/base';
import type { Secrets } from './encryption.ts';
import { migrate } from './schema.ts';
import type { AppendFields } from './sqlite-worker.ts';
import type { Journal, JournalRecord } from './types.ts';

const secretType = '/secrets';

interface Answer {
  readonly id: number;
  readonly error?: string;
  readonly problems?: string[];
}

interface Waiter {
  resolve: (problems?: string[]) => void;
  reject: (error: Error) => void;
}

/** Objects in SQLite; each append is one synchronised transaction in a worker thread, so a slow disk stalls no request. */
export class SqliteJournal implements Journal {
  readonly #path: string;
  readonly #secrets: Secrets;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  #next = 0;
  /** Why the thread answers no more. */
  #ended: Error | undefined;
  #initial: JournalRecord[] | undefined;
  #revision: number;

  private constructor(path: string, secrets: Secrets) {
    this.#path = path;
    this.#secrets = secrets;
    const { records, revision } = readAll(path, secrets);
    this.#initial = records;
    this.#revision = revision;
    this.#worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: { path } });
  }

  static async open(path: string, secrets: Secrets): Promise<SqliteJournal> {
    const journal = new SqliteJournal(path, secrets);
    await secrets.ensureKey();
    await journal.#ready();
    return journal;
  }

  *load(): Iterable<JournalRecord> {
    yield* this.#initial ?? [];
    this.#initial = undefined;
  }

  revision(): number {
    return this.#revision;
  }

  async append(records: readonly JournalRecord[]): Promise<void> {
    const fields: AppendFields = [];
    for (const { revision, type, namespace, name, json } of records) {
      const stored = type === secretType && json !== null ? this.#secrets.encrypt(json) : json;
      fields.push(revision, type, namespace, name, stored);
    }
    await this.#call({ append: fields });
  }

  async backup(path: string): Promise<void> {
    await this.#call({ backup: path });
  }

  async check(): Promise<string[]> {
    return (await this.#call({ check: true })) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call({ close: true });
    await this.#worker.terminate();
  }

  async #ready(): Promise<void> {
    this.#worker.on('message', ({ id, error, problems }: Answer) => {
      const waiter = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiter?.resolve(problems);
      else waiter?.reject(storeError(this.#path, error));
    });
    const fail = (error: Error) => {
      this.#ended ??= storeError(this.#path, error.message);
      for (const waiter of this.#waiting.values()) waiter.reject(storeError(this.#path, error.message));
      this.#waiting.clear();
    };
    this.#worker.on('error', (error) => fail(error as Error));
    this.#worker.on('exit', () => fail(new Error('its thread has ended')));
    this.#worker.unref();
    await this.#call({ open: true });
  }

  #call(message: object): Promise<string[] | undefined> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#worker.ref();
      const settle = (then: () => void) => {
        if (this.#waiting.size === 0) this.#worker.unref();
        then();
      };
      this.#waiting.set(id, {
        resolve: (problems) => settle(() => resolve(problems)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#worker.postMessage({ id, ...message });
    });
  }
}

function readAll(path: string, secrets: Secrets): { records: JournalRecord[]; revision: number } {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec('PRAGMA busy_timeout=0; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    migrate(database, path);
    const rows = database.prepare('SELECT type, namespace, name, revision, json FROM objects').iterate();
    const records: JournalRecord[] = [];
    for (const row of rows as unknown as Iterable<JournalRecord>)
      records.push(row.type === secretType ? { ...row, json: secrets.decrypt(row.json!) } : row);
    const { value } = database.prepare("SELECT value FROM counters WHERE name = 'revision'").get() as {
      value: number;
    };
    return { records, revision: value };
  } catch (error) {
    throw error instanceof TagboatError ? error : storeError(path, (error as Error).message);
  } finally {
    database?.close();
  }
}

function storeError(path: string, message: string): TagboatError {
  if (/locked|busy/i.test(message))
    return new TagboatError(`the store ${path} is in use by another Tagboat`, {
      reason: 'Locked',
      hint: 'stop the other one, or set TAGBOAT_HOME to another directory',
    });
  if (/full|ENOSPC/i.test(message))
    return new TagboatError(`the disk under ${path} is full`, {
      reason: 'DiskFull',
      hint: 'free some space',
    });
  if (/malformed|not a database|corrupt/i.test(message))
    return new TagboatError(`the store ${path} is damaged: ${message}`, {
      reason: 'Corrupt',
      hint: 'restore a backup',
    });
  return new TagboatError(`the store ${path} failed: ${message}`, { reason: 'StoreFailed' });
}
