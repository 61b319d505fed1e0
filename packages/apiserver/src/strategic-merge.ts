import { type Definitions, fieldSchema, resolved, type Schema } from './schema/schema.ts';
import { badRequest } from './status.ts';

type Fields = Record<string, unknown>;

/** Stands for an item that is gone. */
const deleted = Symbol('deleted');
const orderPrefix = '$setElementOrder/';
const removalPrefix = '$deleteFromPrimitiveList/';

/**
 * Strategic merge patch: a merge patch in which lists merge by key where the kind's schema says so, with the directives
 * `$patch`, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList` (apimachinery `strategicpatch`).
 */
export class StrategicMerge {
  readonly #definitions: Definitions;

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /** @throws `BadRequest` for a directive that is none, or an item without its key */
  merge(target: unknown, patch: unknown, reference: Schema): unknown {
    if (!isMap(patch)) return patch;
    const { $patch: directive, ...rest } = patch;
    if (directive === 'delete') return undefined;
    if (directive === 'replace') return this.#cleaned(rest);
    if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive);
    return this.#mergeMap(isMap(target) ? target : {}, rest, resolved(reference, this.#definitions));
  }

  #mergeMap(target: Fields, patch: Fields, schema: Schema): Fields {
    const { $retainKeys, ...fields } = patch;
    const result: Fields = { ...target };
    if (Array.isArray($retainKeys))
      for (const name of Object.keys(result)) if (!$retainKeys.includes(name)) delete result[name];
    for (const [name, value] of Object.entries(fields)) {
      if (name.startsWith('$')) continue;
      const known = fieldSchema(schema, name) ?? {};
      const merged = value === null ? undefined : this.#field(result[name], value, known);
      if (merged === undefined) delete result[name];
      else result[name] = merged;
    }
    this.#removals(result, fields);
    this.#orders(result, fields, schema);
    return result;
  }

  #field(target: unknown, value: unknown, schema: Schema): unknown {
    if (!Array.isArray(value)) return this.merge(target, value, schema);
    const { strategy, key } = strategyOf(schema, this.#definitions);
    if (!strategy.includes('merge')) return value.map((item) => this.#cleaned(item));
    if (key === undefined) return [...new Set([...(Array.isArray(target) ? target : []), ...value])];
    return this.#mergeList(Array.isArray(target) ? target : [], value, { key, schema });
  }

  #mergeList(
    target: unknown[],
    patch: unknown[],
    { key, schema }: { key: string; schema: Schema },
  ): unknown[] {
    const items = patch.map((item) => {
      if (!isMap(item)) throw badRequest(`expected objects with the key "${key}" in the list`);
      return item;
    });
    if (items.some(({ $patch }) => $patch === 'replace'))
      return items.filter(({ $patch }) => $patch === undefined).map((item) => this.#cleaned(item));
    const itemSchema = resolved(schema, this.#definitions).items ?? {};
    const result: unknown[] = [...target];
    // By key, since a patch may hold very many; of items with one key the first is meant.
    const places = new Map<unknown, number[]>();
    for (const [at, item] of result.entries())
      if (isMap(item)) places.set(item[key], [...(places.get(item[key]) ?? []), at]);
    for (const item of items) {
      const wanted = item[key];
      if (wanted === undefined)
        throw badRequest(
          `map: ${JSON.stringify(item).slice(0, 200)} does not contain declared merge key: ${key}`,
        );
      const found = places.get(wanted);
      if (item.$patch === 'delete') {
        for (const at of found ?? []) result[at] = deleted;
        places.delete(wanted);
        continue;
      }
      const at = found?.[0] ?? result.length;
      result[at] = this.merge(found ? result[at] : {}, item, itemSchema);
      places.set(wanted, found ?? [at]);
    }
    return result.filter((item) => item !== deleted);
  }

  #removals(result: Fields, patch: Fields): void {
    for (const [name, values] of Object.entries(patch)) {
      if (!name.startsWith(removalPrefix) || !Array.isArray(values)) continue;
      const field = name.slice(removalPrefix.length);
      const list = result[field];
      const gone = new Set(values);
      if (Array.isArray(list)) result[field] = list.filter((item) => !gone.has(item));
    }
  }

  /** Items that the order names come in that order; the others stay behind the ones they followed. */
  #orders(result: Fields, patch: Fields, schema: Schema): void {
    for (const [name, order] of Object.entries(patch)) {
      if (!name.startsWith(orderPrefix) || !Array.isArray(order)) continue;
      const field = name.slice(orderPrefix.length);
      const list = result[field];
      if (!Array.isArray(list)) continue;
      const { key } = strategyOf(fieldSchema(schema, field) ?? {}, this.#definitions);
      const idOf = (item: unknown) => JSON.stringify(key !== undefined && isMap(item) ? item[key] : item);
      const places = new Map(order.map((item, index) => [idOf(item), index]));
      let last = -1;
      const placed = list.map((item) => {
        last = places.get(idOf(item)) ?? last;
        return { item, place: last, named: places.has(idOf(item)) };
      });
      placed.sort((a, b) => a.place - b.place || Number(b.named) - Number(a.named));
      result[field] = placed.map(({ item }) => item);
    }
  }

  /** A value that is taken over as it is, without directives meant for a merge. */
  #cleaned(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#cleaned(item));
    if (!isMap(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name, inner]) => !name.startsWith('$') && inner !== null)
        .map(([name, inner]) => [name, this.#cleaned(inner)]),
    );
  }
}

function strategyOf(
  reference: Schema,
  definitions: Definitions,
): { strategy: string[]; key: string | undefined } {
  const schema = resolved(reference, definitions);
  return {
    strategy: (schema['x-kubernetes-patch-strategy'] ?? '').split(','),
    key: schema['x-kubernetes-patch-merge-key'],
  };
}

const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const unknownDirective = (directive: unknown) =>
  badRequest(`expected $patch to be replace, merge or delete, found ${JSON.stringify(directive)}`);
