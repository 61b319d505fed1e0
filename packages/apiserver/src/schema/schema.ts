/** A structural schema as OpenAPI and CustomResourceDefinitions write it; references are plain names of definitions. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly unknown[];
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-validations'?: readonly Validation[];
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    group: string;
    version: string;
    kind: string;
  }[];
}

/** A rule in CEL (apiextensions/v1 ValidationRule). */
export interface Validation {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

export type Definitions = ReadonlyMap<string, Schema>;

const anything: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

/** The schema that a reference stands for; what the reference says beside it (a description, merge keys) comes first. */
export function resolved(schema: Schema | undefined, definitions: Definitions): Schema {
  if (!schema) return anything;
  if (schema.$ref === undefined) return schema;
  return definitions.get(schema.$ref) ?? anything;
}

/** The schema of one field of an object; undefined where no such field is known. */
export function fieldSchema(schema: Schema, field: string): Schema | undefined {
  const { properties, additionalProperties } = schema;
  if (properties && Object.hasOwn(properties, field)) return properties[field];
  if (typeof additionalProperties === 'object') return additionalProperties;
  return additionalProperties === true ? anything : undefined;
}

/** The keys by which the items of a list are told apart; undefined where the list is one value or a set. */
export function mapKeys(schema: Schema): readonly string[] | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map') return undefined;
  return schema['x-kubernetes-list-map-keys'];
}

/** Every name that a schema refers to, directly or not. */
export function closure(roots: Iterable<string>, definitions: Definitions): Map<string, Schema> {
  const found = new Map<string, Schema>();
  const visit = (name: string) => {
    const schema = definitions.get(name);
    if (!schema || found.has(name)) return;
    found.set(name, schema);
    JSON.stringify(schema, (key, value: unknown) => {
      if (key === '$ref' && typeof value === 'string') visit(value);
      return value;
    });
  };
  for (const root of roots) visit(root);
  return found;
}
