/** The part of JSON Schema that a form is made from. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
}

export interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'json';
  readonly required: boolean;
  readonly description: string;
  readonly choices: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The fields of the first variant that is an object with properties; undefined where only JSON as a whole can be given. */
export function fieldsOf(schema: Schema | undefined): Field[] | undefined {
  const object = objectIn(schema);
  if (!object?.properties) return undefined;
  return Object.entries(object.properties).map(([name, property]) => ({
    name,
    kind: kindOf(property),
    required: object.required?.includes(name) ?? false,
    description: describe(property),
    choices: property.enum ?? [],
    ...(property.minimum === undefined ? {} : { minimum: property.minimum }),
    ...(property.maximum === undefined ? {} : { maximum: property.maximum }),
  }));
}

function objectIn(schema: Schema | undefined): Schema | undefined {
  if (!schema) return undefined;
  if (schema.properties && Object.keys(schema.properties).length > 0) return schema;
  return (schema.anyOf ?? schema.oneOf ?? []).map(objectIn).find((found) => found !== undefined);
}

function kindOf(schema: Schema): Field['kind'] {
  if (schema.enum) return 'choice';
  const type = Array.isArray(schema.type)
    ? (schema.type as string[]).find((name) => name !== 'null')
    : schema.type;
  if (type === 'string') return 'text';
  if (type === 'number' || type === 'integer' || type === 'boolean') return type;
  return 'json';
}

function describe({ type, description, items, minimum, maximum }: Schema): string {
  const range =
    minimum !== undefined && maximum !== undefined
      ? `${minimum} to ${maximum}`
      : minimum !== undefined
        ? `at least ${minimum}`
        : maximum !== undefined
          ? `at most ${maximum}`
          : '';
  const of = type === 'array' ? `a list${items?.description ? ` of: ${items.description}` : ''}` : '';
  return [description, of, range].filter(Boolean).join('; ');
}

/** The texts that a form starts with. */
export function initialTexts(fields: readonly Field[], example: unknown): Record<string, string> {
  const given = isObject(example) ? example : {};
  return Object.fromEntries(fields.map((field) => [field.name, textFor(field, given[field.name])]));
}

function textFor({ kind }: Field, value: unknown): string {
  if (value === undefined) return '';
  return kind === 'json' ? JSON.stringify(value) : String(value);
}

export type Read = { readonly value: unknown } | { readonly problem: string; readonly field?: string };

/** The value that a form's texts stand for; empty fields that are not required are left out. */
export function readForm(fields: readonly Field[], texts: Readonly<Record<string, string>>): Read {
  const value: Record<string, unknown> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? '';
    if (text.trim() === '') {
      if (field.required) return { problem: `${field.name} is required`, field: field.name };
      continue;
    }
    const read = readText(field, text);
    if ('problem' in read) return { problem: `${field.name}: ${read.problem}`, field: field.name };
    value[field.name] = read.value;
  }
  return { value };
}

function readText({ kind, choices, minimum, maximum }: Field, text: string): Read {
  if (kind === 'text') return { value: text };
  if (kind === 'boolean') return { value: text === 'true' };
  if (kind === 'choice') return { value: choices.find((choice) => String(choice) === text) };
  if (kind === 'json') return readJson(text);
  const number = Number(text);
  if (!Number.isFinite(number) || (kind === 'integer' && !Number.isInteger(number)))
    return { problem: `expected ${kind === 'integer' ? 'a whole number' : 'a number'}, found "${text}"` };
  if (minimum !== undefined && number < minimum) return { problem: `expected at least ${minimum}` };
  if (maximum !== undefined && number > maximum) return { problem: `expected at most ${maximum}` };
  return { value: number };
}

export function readJson(text: string): Read {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `expected JSON: ${(error as Error).message}` };
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
