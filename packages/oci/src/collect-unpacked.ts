import { randomUUID } from 'node:crypto';
import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { entriesIn } from '@tagboat/base';
import { freedBy, removeTree } from '@tagboat/process';

export interface CollectUnpackedOptions {
  /** The hex of the digests of images that containers run in. */
  readonly inUse: ReadonlySet<string>;
  /** What was not asked for since then (milliseconds since the epoch) goes. */
  readonly unusedSince: number;
  /** Where what goes is moved first, on the same file system. */
  readonly trash: string;
}

/**
 * Removes unpacked images, and layers kept for the next ones, that nothing was started in for long. Images have their
 * layers' files under names of their own; what is asked for again is unpacked again.
 * @param cache as `unpackImage` is given it
 */
export async function collectUnpacked(
  cache: string,
  options: CollectUnpackedOptions,
): Promise<{ kept: number; removed: number; bytes: number }> {
  const result = { kept: 0, removed: 0, bytes: 0 };
  const look = async (path: string, mark: string) => {
    if (changedAt(mark, path) >= options.unusedSince) return result.kept++;
    const away = join(options.trash, randomUUID());
    // In one turn with the look: nobody starts a container in it in between.
    renameSync(path, away);
    result.bytes += await freedBy(away);
    await removeTree([away]);
    return result.removed++;
  };
  for (const { name } of await entriesIn(cache)) {
    const path = join(cache, name);
    // `.<hex>.<uuid>` is still being unpacked, or was left so.
    if (!/^([0-9a-f]{64}|\.[0-9a-f]{64}\..+)$/.test(name)) continue;
    if (options.inUse.has(name)) result.kept++;
    else await look(path, join(path, 'complete'));
  }
  for (const { name } of await entriesIn(join(cache, 'layers'))) {
    const path = join(cache, 'layers', name);
    await look(path, path);
  }
  return result;
}

/** When the mark was changed, else the directory. */
function changedAt(mark: string, directory: string): number {
  for (const path of [mark, directory]) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found) return found.mtimeMs;
  }
  return Number.POSITIVE_INFINITY;
}
