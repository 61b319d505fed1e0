import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes on the disk that come free when a file, or all below a directory, is removed: of files without another name. */
export async function freedBy(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return 0;
  if (!found.isDirectory()) return found.nlink === 1 ? found.blocks * 512 : 0;
  let bytes = found.blocks * 512;
  for (const name of await readdir(path).catch(() => [])) bytes += await freedBy(join(path, name));
  return bytes;
}
