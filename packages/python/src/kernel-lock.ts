import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, delay, TagboatError } from '@tagboat/base';

const busy = 5;
const pause = 100;

function tryLock(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === busy) return undefined;
    throw error;
  }
}

export interface LockWait {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called once when somebody else holds it. */
  readonly onWait?: () => void;
}

/**
 * Waits until nobody else on this machine holds the lock, and holds it until disposed. It is a lock of the kernel
 * (through SQLite's), so it ends with its owner however that dies, also across pid namespaces, where a pid in a file
 * would say nothing.
 * @throws `Cancelled`.
 */
export async function acquireLock(path: string, wait: LockWait): Promise<Disposable> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  for (;;) {
    if (wait.signal?.aborted) throw new TagboatError('cancelled while waiting', { reason: 'Cancelled' });
    const database = tryLock(path);
    if (database) return { [Symbol.dispose]: () => database.close() };
    if (!told) wait.onWait?.();
    told = true;
    await delay(wait.clock, pause, wait.signal);
  }
}
