import { maskedSecretsAnnotation, type Pod } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { valuesOf } from './environment.ts';

/**
 * Values of the Secrets that a pod's text was made with, to be masked in its logs; one that is gone has none.
 * @throws `Invalid` for an annotation that cannot be read
 */
export async function maskedValues(reader: Reader, pod: Pod): Promise<string[]> {
  const text = pod.metadata.annotations?.[maskedSecretsAnnotation];
  if (text === undefined) return [];
  const values: string[] = [];
  for (const { name, key } of referencesIn(text)) {
    const value = (await valuesOf(reader, pod, { name, secret: true }))?.[key];
    if (value !== undefined) values.push(value);
  }
  return values;
}

function referencesIn(text: string): { name: string; key: string }[] {
  const wrong = () =>
    invalid(`expected JSON [{"name": ..., "key": ...}] in the annotation ${maskedSecretsAnnotation}`);
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw wrong();
  }
  const isReference = (item: unknown) =>
    typeof (item as { name?: unknown } | null)?.name === 'string' &&
    typeof (item as { key?: unknown }).key === 'string';
  if (!Array.isArray(found) || !found.every(isReference)) throw wrong();
  return found as { name: string; key: string }[];
}
