import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, timestamp } from '@tagboat/base';
import type { ObjectStore } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';
import { type Pack, pack } from 'tar-stream';

export interface BackupOptions {
  readonly store: ObjectStore;
  readonly home: string;
  readonly clock: Clock;
}

/** The first entry of an archive: what it is. */
export const manifestName = 'tagboat-backup.json';
export const storeEntry = 'store/store.sqlite';

/**
 * A tar of the store as it is at one moment, and of `config` with the keys that it needs: enough to have every object
 * back. Repositories, images and volumes are files of their own below the state directory.
 */
export function backupStream(options: BackupOptions): Readable {
  const archive = pack();
  // What goes wrong ends the stream with an error, so that nobody keeps half a backup.
  fill(archive, options).catch((error: Error) => archive.destroy(error));
  return Readable.from(archive, { objectMode: false });
}

async function fill(archive: Pack, { store, home, clock }: BackupOptions): Promise<void> {
  const directory = await mkdtemp(join(home, 'store', 'backup-'));
  try {
    const copy = join(directory, 'store.sqlite');
    await store.backup(copy);
    const manifest = { version: 1, createdAt: timestamp(clock), revision: store.resourceVersion };
    archive.entry({ name: manifestName, mode: 0o600 }, `${JSON.stringify(manifest)}\n`);
    await addFile(archive, copy, storeEntry);
    for (const file of await filesBelow(join(home, 'config')))
      if (!file.endsWith('.tmp'))
        await addFile(archive, file, join('config', relative(join(home, 'config'), file)));
    archive.finalize();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function addFile(archive: Pack, path: string, name: string): Promise<void> {
  const { size } = await stat(path);
  if (size < 2 ** 20) {
    const bytes = await readFile(path);
    await new Promise<void>((resolve, reject) =>
      archive.entry({ name, mode: 0o600, size: bytes.length }, bytes, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
    return;
  }
  await pipeline(createReadStream(path), archive.entry({ name, mode: 0o600, size }));
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** `POST /tagboat/backup` and `POST /tagboat/check`; the owner's alone, as all of `/tagboat`. */
export function maintenanceRoutes(app: FastifyInstance, options: BackupOptions): void {
  app.post('/tagboat/backup', async (_request, reply) =>
    reply.type('application/x-tar').send(backupStream(options)),
  );
  app.post('/tagboat/check', async () => ({ problems: await options.store.check() }));
}
