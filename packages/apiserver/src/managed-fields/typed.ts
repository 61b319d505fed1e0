import { jsonEquals } from '@tagboat/store';
import { type Definitions, fieldSchema, mapKeys, resolved, type Schema } from '../schema/schema.ts';
import type { FieldSet } from './field-set.ts';

const leaf: FieldSet = {};
type Fields = Record<string, unknown>;

/** What differs between two values: fields that were added or have another value, and fields that are gone. */
export interface Differences {
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** Values with their schemas: the fields they have, how they differ, how they merge (structured-merge-diff `typed`). */
export class TypedValues {
  readonly #definitions: Definitions;

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /** Every leaf of a value; items of lists with keys are members themselves. */
  fields(value: unknown, reference: Schema): FieldSet {
    const schema = this.#resolved(reference);
    if (isGranularMap(value, schema)) {
      const entries = Object.entries(value)
        .filter(([, inner]) => inner !== undefined)
        .map(([name, inner]) => [`f:${name}`, this.fields(inner, fieldSchema(schema, name) ?? {})]);
      return Object.fromEntries(entries) as FieldSet;
    }
    const items = this.#items(value, schema);
    if (!items) return leaf;
    const entries = [...items].map(([element, item]) => [
      element,
      element.startsWith('v:') ? leaf : { '.': leaf, ...this.fields(item, schema.items ?? {}) },
    ]);
    return Object.fromEntries(entries) as FieldSet;
  }

  differences(before: unknown, after: unknown, reference: Schema): Differences {
    if (before === undefined) return { changed: this.fields(after, reference), removed: leaf };
    if (after === undefined) return { changed: leaf, removed: this.fields(before, reference) };
    const schema = this.#resolved(reference);
    if (isGranularMap(before, schema) && isGranularMap(after, schema)) {
      const names = new Set([...Object.keys(before), ...Object.keys(after)]);
      return this.#collected(
        [...names].map((name) => [`f:${name}`, before[name], after[name], fieldSchema(schema, name)]),
      );
    }
    const was = this.#items(before, schema);
    const is = this.#items(after, schema);
    if (!was || !is) return { changed: jsonEquals(before, after) ? leaf : whole, removed: leaf };
    const elements = new Set([...was.keys(), ...is.keys()]);
    return this.#collected(
      [...elements].map((element) => [element, was.get(element), is.get(element), schema.items]),
    );
  }

  /** `applied` laid over `live`: maps by field, lists by key, everything else replaced. */
  merged(live: unknown, applied: unknown, reference: Schema): unknown {
    if (live === undefined || applied === undefined)
      return applied === undefined ? live : structuredClone(applied);
    const schema = this.#resolved(reference);
    if (isGranularMap(live, schema) && isGranularMap(applied, schema)) {
      const result: Fields = { ...live };
      for (const [name, inner] of Object.entries(applied))
        result[name] = this.merged(live[name], inner, fieldSchema(schema, name) ?? {});
      return result;
    }
    const was = this.#items(live, schema);
    const is = this.#items(applied, schema);
    if (!was || !is) return structuredClone(applied);
    return this.#mergedItems(was, is, schema);
  }

  /** The value without the fields of the set; a list or map that becomes empty by that goes too. */
  without(value: unknown, set: FieldSet, reference: Schema): unknown {
    const schema = this.#resolved(reference);
    if (isGranularMap(value, schema)) {
      const result: Fields = {};
      for (const [name, inner] of Object.entries(value)) {
        const gone = set[`f:${name}`];
        const left = gone === undefined ? inner : this.#less(inner, gone, fieldSchema(schema, name) ?? {});
        if (left !== undefined) result[name] = left;
      }
      return Object.keys(result).length === 0 && Object.keys(value).length > 0 ? undefined : result;
    }
    const items = this.#items(value, schema);
    if (!items) return value;
    const left = [...items].flatMap(([element, item]) => {
      const gone = set[element];
      if (gone === undefined) return [item];
      const rest = '.' in gone ? undefined : this.#less(item, gone, schema.items ?? {});
      return rest === undefined ? [] : [rest];
    });
    return left.length === 0 ? undefined : left;
  }

  #less(value: unknown, gone: FieldSet, schema: Schema): unknown {
    return Object.keys(gone).length === 0 ? undefined : this.without(value, gone, schema);
  }

  #mergedItems(
    was: ReadonlyMap<string, unknown>,
    is: ReadonlyMap<string, unknown>,
    schema: Schema,
  ): unknown[] {
    const result = [...was].map(([element, item]) =>
      is.has(element) ? this.merged(item, is.get(element), schema.items ?? {}) : item,
    );
    for (const [element, item] of is) if (!was.has(element)) result.push(structuredClone(item));
    return result;
  }

  #collected(parts: readonly [string, unknown, unknown, Schema | undefined][]): Differences {
    const changed: Record<string, FieldSet> = {};
    const removed: Record<string, FieldSet> = {};
    for (const [element, before, after, schema] of parts) {
      if (before === after) continue;
      if (before === undefined || after === undefined) {
        const target = before === undefined ? changed : removed;
        const inner = this.fields(before ?? after, schema ?? {});
        target[element] = element.startsWith('k:') ? { '.': leaf, ...inner } : inner;
        continue;
      }
      const found = this.differences(before, after, schema ?? {});
      if (found.changed === whole) changed[element] = leaf;
      else if (Object.keys(found.changed).length > 0) changed[element] = found.changed;
      if (Object.keys(found.removed).length > 0) removed[element] = found.removed;
    }
    return { changed, removed };
  }

  /** The items of a list by their path elements; undefined where the list counts as one value. */
  #items(value: unknown, schema: Schema): Map<string, unknown> | undefined {
    if (!Array.isArray(value)) return undefined;
    if (schema['x-kubernetes-list-type'] === 'set')
      return new Map(value.map((item) => [`v:${JSON.stringify(item)}`, item]));
    const keys = mapKeys(schema);
    if (!keys) return undefined;
    const items = new Map<string, unknown>();
    for (const item of value) {
      if (typeof item !== 'object' || item === null) return undefined;
      const name = keyOfItem(item as Fields, keys, this.#resolved(schema.items));
      if (items.has(name)) return undefined;
      items.set(name, item);
    }
    return items;
  }

  #resolved(schema: Schema | undefined): Schema {
    return resolved(schema, this.#definitions);
  }
}

/** Marks a value that changed as a whole. */
const whole: FieldSet = {};

/** Absent keys count by their defaults: a port without a protocol is a TCP port. */
function keyOfItem(item: Fields, keys: readonly string[], schema: Schema): string {
  const named = [...keys].sort().map((key) => {
    const fallback = schema.properties?.[key]?.default ?? (key === 'protocol' ? 'TCP' : undefined);
    return [key, item[key] ?? fallback];
  });
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}

function isGranularMap(value: unknown, schema: Schema): value is Fields {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length > 0 &&
    schema['x-kubernetes-map-type'] !== 'atomic'
  );
}
