import { describeKey, type KubernetesObject, type ResourceKey } from '@tagboat/api';
import { canonicalJson, isReason, notFound } from '@tagboat/base';
import type { DeleteOptions, Reader, Writer } from './types.ts';

const attempts = 20;

// biome-ignore lint/suspicious/noConfusingVoidType: most changes return nothing at all
type Change<T> = (draft: T) => void | boolean;

/** Reads, changes a copy, writes; starts over when somebody else was first. A change that returns false writes nothing. */
export function mutate<T extends KubernetesObject>(
  store: Reader & Writer,
  key: ResourceKey,
  change: Change<T>,
): Promise<T> {
  return retrying(store, key, change, (draft) => store.update(draft));
}

/** `mutate` for the status subresource. */
export function mutateStatus<T extends KubernetesObject>(
  store: Reader & Writer,
  key: ResourceKey,
  change: Change<T>,
): Promise<T> {
  return retrying(store, key, change, (draft) => store.updateStatus(draft));
}

/**
 * Writes what `next` makes of the current object as its status, without copying what stays; starts over when somebody
 * else was first. Nothing is written where it is undefined or says the same.
 */
export async function replaceStatus<T extends KubernetesObject>(
  store: Reader & Writer,
  key: ResourceKey,
  next: (current: T) => T['status'] | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const current = await store.get<T>(key);
    if (!current) throw notFound(`${describeKey(key)} does not exist`);
    const status = next(current);
    if (status === undefined) return current;
    try {
      return await store.updateStatus({ ...current, status });
    } catch (error) {
      if (!isReason(error, 'Conflict') || attempt === attempts) throw error;
    }
  }
}

async function retrying<T extends KubernetesObject>(
  store: Reader & Writer,
  key: ResourceKey,
  change: Change<T>,
  write: (draft: T) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const current = await store.get<T>(key);
    if (!current) throw notFound(`${describeKey(key)} does not exist`);
    const draft = structuredClone(current);
    if (change(draft) === false) return current;
    try {
      return await write(draft);
    } catch (error) {
      if (!isReason(error, 'Conflict') || attempt === attempts) throw error;
    }
  }
}

/** Creates the object, or returns the one of that name that is already there: safe to repeat after a crash. */
export async function createIfAbsent<T extends KubernetesObject>(
  store: Reader & Writer,
  key: ResourceKey,
  object: T,
): Promise<T> {
  try {
    return await store.create(object);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    return (await store.get<T>(key)) ?? createIfAbsent(store, key, object);
  }
}

/** Deletes the object if it is there. */
export async function deleteIfPresent(
  store: Writer,
  key: ResourceKey,
  options: DeleteOptions = {},
): Promise<void> {
  try {
    await store.delete(key, options);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/**
 * Creates the object, or makes the spec of the one of its name this one, and adds its labels; what others added beside
 * is kept. @returns what is stored then
 */
export async function applySpec<T extends KubernetesObject>(
  store: Reader & Writer,
  key: ResourceKey,
  wanted: T,
): Promise<T> {
  const stored = await createIfAbsent(store, key, wanted);
  if (canonicalJson(stored.spec) === canonicalJson(wanted.spec)) return stored;
  return mutate<T>(store, key, (draft) => {
    draft.spec = wanted.spec;
    draft.metadata.labels = { ...draft.metadata.labels, ...wanted.metadata.labels };
  });
}
