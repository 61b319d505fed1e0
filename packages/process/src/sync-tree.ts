import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '@tagboat/base';
import { runChecked } from './run.ts';

/** With more entries than this, the whole file system is flushed at once rather than one file after the other. */
const fewEntries = 64;

/**
 * Puts a tree of files on disk, so that what is written afterwards (a marker, a rename) never stands for files that a power
 * cut emptied. Links are left to their directories.
 */
export async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  if (entries.length > fewEntries) {
    // syncfs; macOS' sync knows the whole machine only.
    await runChecked('sync', process.platform === 'linux' ? ['-f', directory] : []);
    return;
  }
  for (const entry of entries)
    if (entry.isFile() || entry.isDirectory()) await syncDirectory(join(entry.parentPath, entry.name));
  await syncDirectory(directory);
}
