import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Secrets } from './encryption.ts';
import { ObjectStore, type ObjectStoreOptions } from './object-store.ts';
import { SqliteJournal } from './sqlite-journal.ts';

export interface DiskStoreOptions extends Omit<ObjectStoreOptions, 'journal'> {
  /** Holds the database; made where it is missing. */
  readonly directory: string;
  /** A file with the 32-byte key that Secrets are encrypted with; made with mode 0600 where it is missing and none is stored. */
  readonly keyFile: string;
}

/**
 * Opens the store on disk: SQLite in WAL mode with full synchronisation, in a thread of its own.
 * @throws `Locked` when another process has it open; `Corrupt`; `NewerSchema`.
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<ObjectStore> {
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const secrets = await Secrets.open(options.keyFile);
  const journal = await SqliteJournal.open(join(options.directory, 'store.sqlite'), secrets);
  return new ObjectStore({ ...options, journal });
}
