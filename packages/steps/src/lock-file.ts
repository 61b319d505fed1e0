import { invalid, isDigest } from '@tagboat/base';
import { parseDocument, stringify } from 'yaml';

export const lockFileName = 'tagboat.lock';

/** What a candidate pins: per model, the digest of each of its data sources. */
export interface LockFile {
  readonly models: Readonly<Record<string, { readonly data: Readonly<Record<string, string>> }>>;
}

/** Reads a `tagboat.lock`; a missing one pins nothing. @throws `Invalid` */
export function readLockFile(text: string | undefined): LockFile {
  if (text === undefined) return { models: {} };
  const value = parseDocument(text).toJS() as Partial<LockFile> | null;
  const models = value?.models ?? {};
  for (const [model, { data }] of Object.entries(models))
    for (const [name, digest] of Object.entries(data ?? {}))
      if (!isDigest(digest))
        throw invalid(`expected a sha256 digest for ${model}'s ${name}, found "${digest}"`, {
          location: { file: lockFileName },
        });
  return { models };
}

/** The text of the lock with one model's data pinned anew. */
export function withPinnedData(
  text: string | undefined,
  model: string,
  data: Readonly<Record<string, string>>,
): string {
  const before = readLockFile(text);
  const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  const models = { ...before.models, [model]: { ...before.models[model], data: sorted } };
  return `# Written by Tagboat: what the newest candidate was trained on.\n${stringify({ models }, { lineWidth: 0 })}`;
}
