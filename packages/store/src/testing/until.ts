import type { ResourceType } from '@tagboat/api';
import type { Reader } from '../types.ts';

/** Looks again at each change of a type's objects, until something holds. @returns what `holds` gives then */
export async function until<T>(
  reader: Reader,
  type: ResourceType,
  holds: () => Promise<T | undefined | false>,
): Promise<T> {
  const { resourceVersion } = await reader.list(type);
  const first = await holds();
  if (first) return first;
  for await (const _ of reader.watch(type, {}, { from: resourceVersion })) {
    const found = await holds();
    if (found) return found;
  }
  throw new Error('the watch ended');
}
