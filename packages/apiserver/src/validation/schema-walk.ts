import { type Definitions, fieldSchema, mapKeys, resolved, type Schema } from '../schema/schema.ts';
import type { Cause } from '../status.ts';
import { hasType, limitCauses, shown, typeOf } from './values.ts';

export interface Findings {
  readonly causes: Cause[];
  /** Fields that the schema does not know. */
  readonly unknown: string[];
}

/** Deeper objects are refused: whoever walks them next may be recursive. */
const deepest = 100;

interface Place {
  readonly field: string;
  readonly depth: number;
}

/**
 * Holds a value against a schema, and brings it into shape: nulls of fields that allow none and unknown fields are taken
 * out (pruning), defaults of custom kinds are filled in. Changes `value` in place.
 */
export class SchemaWalk {
  readonly findings: Findings = { causes: [], unknown: [] };
  readonly #definitions: Definitions;
  readonly #uniqueItems: boolean;

  /** Kubernetes' own kinds may repeat the keys of their lists: there `uniqueItems` is false. */
  constructor(definitions: Definitions, { uniqueItems }: { uniqueItems: boolean }) {
    this.#definitions = definitions;
    this.#uniqueItems = uniqueItems;
  }

  /** @returns the value, or the default that stands for it */
  walk(value: unknown, schema: Schema, field = ''): unknown {
    return this.#visit(value, schema, { field, depth: 0 });
  }

  #visit(value: unknown, reference: Schema, place: Place): unknown {
    const schema = resolved(reference, this.#definitions);
    if (place.depth > deepest) {
      this.#add('FieldValueInvalid', place.field, `Invalid value: nested deeper than ${deepest} levels`);
      return value;
    }
    if (!hasType(value, schema)) {
      if (value === null && schema.nullable) return value;
      this.#add(
        'FieldValueTypeInvalid',
        place.field,
        `Invalid value: ${shown(value)}: expected ${expectedType(schema)}, found ${typeOf(value)}`,
      );
      return value;
    }
    this.findings.causes.push(...limitCauses(value, schema, place.field));
    this.#combinations(value, schema, place);
    if (Array.isArray(value)) return this.#list(value, schema, place);
    if (typeof value === 'object' && value !== null)
      return this.#object(value as Record<string, unknown>, schema, place);
    return value;
  }

  #object(value: Record<string, unknown>, schema: Schema, place: Place): unknown {
    const declares = schema.properties !== undefined || schema.additionalProperties !== undefined;
    const open =
      schema['x-kubernetes-preserve-unknown-fields'] ||
      (!declares && schema.type === undefined) ||
      schema['x-kubernetes-embedded-resource'];
    for (const [name, inner] of Object.entries(value)) {
      const known = fieldSchema(schema, name);
      const field = childField(place.field, name, schema.properties !== undefined);
      if (known) this.#field({ value, name, inner, known, field, depth: place.depth + 1 });
      else if (open) this.#depth(inner, { field, depth: place.depth + 1 });
      else {
        this.findings.unknown.push(field);
        delete value[name];
      }
    }
    this.#defaults(value, schema, place);
    for (const name of schema.required ?? [])
      if (value[name] === undefined)
        this.#add('FieldValueRequired', childField(place.field, name, true), 'Required value');
    return value;
  }

  #field(at: {
    value: Record<string, unknown>;
    name: string;
    inner: unknown;
    known: Schema;
    field: string;
    depth: number;
  }): void {
    const { value, name, inner, known, field, depth } = at;
    const schema = resolved(known, this.#definitions);
    // Null means absent, as in Go's decoder.
    if (inner === undefined || (inner === null && !schema.nullable && !acceptsNull(schema)))
      delete value[name];
    else value[name] = this.#visit(inner, known, { field, depth });
  }

  #defaults(value: Record<string, unknown>, schema: Schema, place: Place): void {
    for (const [name, known] of Object.entries(schema.properties ?? {})) {
      const fallback = known.default;
      if (fallback !== undefined && value[name] === undefined)
        value[name] = this.#visit(structuredClone(fallback), known, {
          field: childField(place.field, name, true),
          depth: place.depth + 1,
        });
    }
  }

  #list(value: unknown[], schema: Schema, place: Place): unknown {
    const { items } = schema;
    for (const [index, item] of value.entries()) {
      const at = { field: `${place.field}[${index}]`, depth: place.depth + 1 };
      if (items) value[index] = this.#visit(item, items, at);
      else this.#depth(item, at);
    }
    this.#unique(value, schema, place.field);
    return value;
  }

  #unique(value: readonly unknown[], schema: Schema, field: string): void {
    if (!this.#uniqueItems) return;
    const keys = mapKeys(schema);
    if (!keys && schema['x-kubernetes-list-type'] !== 'set') return;
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const key = JSON.stringify(keys ? keys.map((name) => (item as never)?.[name]) : item);
      if (seen.has(key))
        this.findings.causes.push({
          reason: 'FieldValueDuplicate',
          message: `Duplicate value: ${shown(keys ? Object.fromEntries(keys.map((name) => [name, (item as never)?.[name]])) : item)}`,
          field: `${field}[${index}]`,
        });
      seen.add(key);
    }
  }

  #combinations(value: unknown, schema: Schema, place: Place): void {
    const passes = (part: Schema) => {
      const walk = new SchemaWalk(this.#definitions, { uniqueItems: this.#uniqueItems });
      walk.walk(
        structuredClone(value),
        { ...part, 'x-kubernetes-preserve-unknown-fields': true },
        place.field,
      );
      return walk.findings.causes;
    };
    for (const part of schema.allOf ?? []) this.findings.causes.push(...passes(part));
    if (
      schema.anyOf &&
      !schema['x-kubernetes-int-or-string'] &&
      !schema.anyOf.some((part) => passes(part).length === 0)
    )
      this.#add(
        'FieldValueInvalid',
        place.field,
        `Invalid value: ${shown(value)}: must validate at least one schema (anyOf)`,
      );
    const fitting = schema.oneOf?.filter((part) => passes(part).length === 0).length;
    if (fitting !== undefined && fitting !== 1)
      this.#add(
        'FieldValueInvalid',
        place.field,
        `Invalid value: ${shown(value)}: must validate one and only one schema (oneOf)`,
      );
    if (schema.not && passes(schema.not).length === 0)
      this.#add(
        'FieldValueInvalid',
        place.field,
        `Invalid value: ${shown(value)}: must not validate the schema (not)`,
      );
  }

  /** What no schema describes is kept as it is, unless it is too deep. */
  #depth(value: unknown, place: Place): void {
    if (typeof value !== 'object' || value === null) return;
    if (place.depth > deepest) {
      this.#add('FieldValueInvalid', place.field, `Invalid value: nested deeper than ${deepest} levels`);
      return;
    }
    for (const [name, inner] of Object.entries(value))
      this.#depth(inner, { field: `${place.field}.${name}`, depth: place.depth + 1 });
  }

  #add(reason: string, field: string, message: string): void {
    this.findings.causes.push({ reason, message, field: field || '<root>' });
  }
}

const acceptsNull = (schema: Schema) =>
  schema.type === undefined && schema['x-kubernetes-preserve-unknown-fields'] === true;

const expectedType = (schema: Schema) =>
  schema['x-kubernetes-int-or-string'] ? 'integer or string' : (schema.type ?? 'a value');

/** `spec.template`, or `data[key]` where the key is one of a map. */
export function childField(field: string, name: string, struct: boolean): string {
  if (!struct) return `${field}[${name}]`;
  return field === '' ? name : `${field}.${name}`;
}
