import { parseYaml } from '@tagboat/api';
import { type Digest, invalid, isDigest } from '@tagboat/base';
import type { PinnedLock } from '@tagboat/python';
import { stringify } from 'yaml';

export const lockFileName = 'tagboat.lock';

/** What a candidate pins of one model. */
export interface LockedModel {
  /** The digest of each of its data sources. */
  readonly data: Readonly<Record<string, string>>;
  /** The versions of its packages, and the request that they answer. */
  readonly environment?: { readonly requires: Digest; readonly packages: string };
}

export interface LockFile {
  readonly models: Readonly<Record<string, LockedModel>>;
}

/** Reads a `tagboat.lock`; a missing one pins nothing. @throws `Invalid` */
export function readLockFile(text: string | undefined): LockFile {
  if (text === undefined) return { models: {} };
  const value = parseYaml(text, lockFileName)[0]?.value as Partial<LockFile> | null | undefined;
  const models = value?.models ?? {};
  for (const [model, { data, environment }] of Object.entries(models)) {
    const digests = { ...data, ...(environment ? { 'environment.requires': environment.requires } : {}) };
    for (const [name, digest] of Object.entries(digests))
      if (!isDigest(digest))
        throw invalid(`expected a sha256 digest for ${model}'s ${name}, found "${digest}"`, {
          location: { file: lockFileName },
        });
    if (environment && typeof environment.packages !== 'string')
      throw invalid(`expected ${model}'s environment.packages to be the text of a lock`, {
        location: { file: lockFileName },
      });
  }
  return { models };
}

/** The lock of a model's environment, as `ensureEnvironment` takes it. */
export function pinnedEnvironment(text: string | undefined, model: string): PinnedLock | undefined {
  const environment = readLockFile(text).models[model]?.environment;
  return environment && { requires: environment.requires, lock: environment.packages };
}

/** The text of the lock with one model pinned anew. */
export function withPinned(text: string | undefined, model: string, pinned: LockedModel): string {
  const before = readLockFile(text);
  const data = Object.fromEntries(Object.entries(pinned.data).sort(([a], [b]) => (a < b ? -1 : 1)));
  const models = { ...before.models, [model]: { ...before.models[model], ...pinned, data } };
  return `# Written by Tagboat: what the newest candidate was trained on.\n${stringify({ models }, { lineWidth: 0 })}`;
}
