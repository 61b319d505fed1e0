import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Clock, timestamp } from '@tagboat/base';
import type { ObjectStore } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';
import { type Pack, pack } from 'tar-stream';
import { addFile, addTree } from './backup-files.ts';

export interface BackupOptions {
  readonly store: ObjectStore;
  readonly home: string;
  readonly clock: Clock;
  /** Leaves out repositories, images, artifacts and claims: the store, its keys and the configuration alone. */
  readonly objectsOnly?: boolean;
}

/** The first entry of an archive: what it is. */
export const manifestName = 'tagboat-backup.json';
export const storeEntry = 'store/store.sqlite';

/** Directories of the state that cannot be made again from the store: what was pushed, what runs made, what pods keep. */
export const contentParts = ['git', 'blobs', 'artifacts', 'volumes/claims'] as const;

/**
 * A tar of the store as it is at one moment, of `config` with the keys that it needs, and of what its objects speak of:
 * repositories, images, artifacts and claims, which are copied after the store, so that all it names is there. Logs,
 * measurements and what can be made again (Python environments, unpacked images) are not in it.
 */
export function backupStream(options: BackupOptions): Readable {
  const archive = pack();
  // Who reads it is told by the stream below; who has gone must not end this process.
  archive.on('error', () => undefined);
  // What goes wrong ends the stream with an error, so that nobody keeps half a backup.
  fill(archive, options).catch((error: Error) => archive.destroy(error));
  return Readable.from(archive, { objectMode: false });
}

/** Removes the copies of backups that were being made when a platform was killed. */
export async function removeHalfBackups(home: string): Promise<void> {
  const store = join(home, 'store');
  for (const name of await readdir(store))
    if (name.startsWith(copyPrefix)) await rm(join(store, name), { recursive: true, force: true });
}

const copyPrefix = 'backup-';

async function fill(archive: Pack, { store, home, clock, objectsOnly }: BackupOptions): Promise<void> {
  const directory = await mkdtemp(join(home, 'store', copyPrefix));
  try {
    const copy = join(directory, 'store.sqlite');
    await store.backup(copy);
    const manifest = {
      version: 2,
      createdAt: timestamp(clock),
      revision: store.resourceVersion,
      parts: objectsOnly ? [] : contentParts,
    };
    archive.entry({ name: manifestName, mode: 0o600 }, `${JSON.stringify(manifest)}\n`);
    await addFile(archive, copy, { name: storeEntry, mode: 0o600 });
    await addTree(archive, join(home, 'config'), 'config');
    if (!objectsOnly) for (const part of contentParts) await addTree(archive, join(home, part), part);
    archive.finalize();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** `POST /tagboat/backup` and `POST /tagboat/check`; the owner's alone, as all of `/tagboat`. */
export function maintenanceRoutes(app: FastifyInstance, options: BackupOptions): void {
  app.post('/tagboat/backup', async (request, reply) => {
    const { objectsOnly } = request.query as { objectsOnly?: string };
    return reply
      .type('application/x-tar')
      .send(backupStream({ ...options, objectsOnly: objectsOnly === 'true' }));
  });
  app.post('/tagboat/check', async () => ({ problems: await options.store.check() }));
}
