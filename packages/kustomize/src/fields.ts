import type { KubernetesObject } from '@tagboat/api';

export type Json = Record<string, unknown>;

export const isMap = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Where a field stands in some kinds of objects (kustomize's fieldSpec). */
export interface Field {
  readonly kinds: readonly string[];
  readonly path: readonly string[];
  /** Made where it is not there. */
  readonly create: boolean;
}

export const field = (kinds: string, path: string, create = false): Field => ({
  kinds: kinds.split(' '),
  path: path.split('/'),
  create,
});

/** Changes what stands at a path, in every item of the lists on the way. Nothing of the value itself is changed. */
export function changeAt(
  value: unknown,
  { path, create }: Pick<Field, 'path' | 'create'>,
  change: (found: unknown) => unknown,
): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return change(value);
  if (Array.isArray(value)) return value.map((item) => changeAt(item, { path, create }, change));
  if (!isMap(value) && !(create && (value === undefined || value === null))) return value;
  const map = isMap(value) ? value : {};
  const missing = map[first] === undefined || map[first] === null;
  if (missing && !create) return value;
  return { ...map, [first]: changeAt(map[first] ?? undefined, { path: rest, create }, change) };
}

/** Changes the fields that a kind of object has. */
export function changeFields(
  object: KubernetesObject,
  fields: readonly Field[],
  change: (found: unknown) => unknown,
): KubernetesObject {
  return fields
    .filter(({ kinds }) => kinds.includes(object.kind))
    .reduce<unknown>((changed, one) => changeAt(changed, one, change), object) as KubernetesObject;
}

/** Calls `change` on every map below a value. */
export function mapDeep(value: unknown, change: (map: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((item) => mapDeep(item, change));
  if (!isMap(value)) return value;
  const changed = change(value);
  return Object.fromEntries(Object.entries(changed).map(([key, item]) => [key, mapDeep(item, change)]));
}
