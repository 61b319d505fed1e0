/**
 * A set of field paths, written as Kubernetes stores it (meta/v1 FieldsV1): `f:name` is a field, `k:{...}` an item of a
 * list by its keys, `v:...` an item of a set, `.` the place itself. A node without members is a member.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

const leaf: FieldSet = {};

export const isEmpty = (set: FieldSet) => Object.keys(set).length === 0;

const isLeaf = isEmpty;

/** The fields that are in either. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = { ...a };
  for (const [element, inner] of Object.entries(b)) {
    const mine = result[element];
    result[element] = mine === undefined ? inner : joined(mine, inner);
  }
  return result;
}

function joined(a: FieldSet, b: FieldSet): FieldSet {
  if (isLeaf(a)) return isLeaf(b) ? leaf : { '.': leaf, ...b };
  return isLeaf(b) ? { '.': leaf, ...a } : union(a, b);
}

/** The fields of `a` that are not in `b`, nor below a leaf of `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const [element, inner] of Object.entries(a)) {
    const other = b[element];
    if (other === undefined) result[element] = inner;
    else if (!isLeaf(other)) {
      if (isLeaf(inner)) {
        if (!('.' in other)) result[element] = inner;
      } else {
        const rest = difference(inner, other);
        if (!isEmpty(rest)) result[element] = rest;
      }
    }
  }
  return result;
}

/** The fields that are in both; a leaf of one covers what the other has below it. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const [element, inner] of Object.entries(a)) {
    const other = b[element];
    if (other === undefined) continue;
    if (isLeaf(inner)) {
      if (isLeaf(other) || '.' in other) result[element] = leaf;
    } else if (isLeaf(other)) {
      result[element] = inner;
    } else {
      const both = intersection(inner, other);
      if (!isEmpty(both)) result[element] = both;
    }
  }
  return result;
}

/** The paths of a set as people read them, such as `.spec.template.spec.containers[name="web"].image`. */
export function describePaths(set: FieldSet, prefix = ''): string[] {
  return Object.entries(set).flatMap(([element, inner]) => {
    if (element === '.') return [prefix];
    const path = prefix + describeElement(element);
    return isLeaf(inner) ? [path] : describePaths(inner, path);
  });
}

function describeElement(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (!element.startsWith('k:')) return `[${element.startsWith('v:') ? `=${rest}` : rest}]`;
  const keys = Object.entries(JSON.parse(rest) as object);
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
}

/** True for a tree that may be read as a set; a stored object is not trusted. */
export function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every(isFieldSet);
}
