import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { type HttpOptions, httpGet, unreachable } from './http.ts';
import { withoutCredentials } from './index-settings.ts';
import type { IndexFile } from './simple-index.ts';

export function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The bytes were not those that the index promised. */
function altered(file: IndexFile, found: string): TagboatError {
  return new TagboatError(`expected sha256 ${file.sha256} for ${file.filename}, found ${found}`, {
    reason: 'DigestMismatch',
    hint: `${withoutCredentials(file.url)} was altered on the way, or the index is out of date`,
  });
}

/**
 * Downloads a file of an index to `target`, which appears only when its sha256 is right.
 * @throws `NetworkUnavailable`, `DigestMismatch`.
 */
export async function downloadFile(
  file: IndexFile,
  target: string,
  options: HttpOptions & { readonly onBytes?: (done: number, total: number | undefined) => void },
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = join(dirname(target), `.${randomUUID()}.tmp`);
  const response = await httpGet(file.url, options);
  const total = file.size ?? (Number(response.headers['content-length']) || undefined);
  const hash = createHash('sha256');
  let done = 0;
  const handle = await open(temporary, 'wx');
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      hash.update(part);
      await handle.write(part);
      done += part.length;
      options.onBytes?.(done, total);
    }
    await handle.sync();
    const found = hash.digest('hex');
    if (found !== file.sha256) throw altered(file, found);
    await rename(temporary, target);
  } catch (error) {
    throw error instanceof TagboatError ? error : unreachable(file.url, error);
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
  }
}
