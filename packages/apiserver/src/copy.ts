import type { KubernetesObject } from '@tagboat/api';

/** A copy of a stored object that may be changed everywhere. */
export function mutableCopy<T extends KubernetesObject>(object: T): T {
  return copied(object) as T;
}

/** Several times faster than structuredClone, for values that came from JSON. */
function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = copied((value as Record<string, unknown>)[key]);
  return copy;
}
