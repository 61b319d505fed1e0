import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KeyToPath } from '@tagboat/api';
import { safeJoin, TagboatError } from '@tagboat/base';

/** A file of a volume, by its path in there. */
export interface VolumeFile {
  readonly data: Uint8Array;
  readonly mode: number;
}

/** The files that a Secret or ConfigMap gives a volume. @throws `FailedMount` for a key that is not there */
export function valueFiles(
  values: Readonly<Record<string, Uint8Array>>,
  wanted: { items: readonly KeyToPath[] | undefined; optional: boolean; mode: number },
): [string, VolumeFile][] {
  const items: readonly KeyToPath[] = wanted.items ?? Object.keys(values).map((key) => ({ key, path: key }));
  return items.flatMap((item): [string, VolumeFile][] => {
    const data = values[item.key];
    if (data !== undefined) return [[item.path, { data, mode: item.mode ?? wanted.mode }]];
    if (wanted.optional) return [];
    throw new TagboatError(`references non-existent config key: ${item.key}`, { reason: 'FailedMount' });
  });
}

/**
 * Brings a volume's directory from the files it has to those it should have. A file is replaced as a whole, so that no
 * reader sees half of it.
 */
export async function writeVolumeFiles(
  root: string,
  before: ReadonlyMap<string, VolumeFile>,
  wanted: ReadonlyMap<string, VolumeFile>,
): Promise<void> {
  for (const path of before.keys()) if (!wanted.has(path)) await rm(safeJoin(root, path), { force: true });
  for (const [path, file] of wanted) {
    const known = before.get(path);
    if (known && known.mode === file.mode && Buffer.compare(known.data, file.data) === 0) continue;
    const target = safeJoin(root, path);
    await mkdir(dirname(target), { recursive: true });
    const partial = `${dirname(target)}/..${randomUUID()}`;
    await writeFile(partial, file.data);
    await chmod(partial, file.mode);
    await rename(partial, target);
  }
}
