import type { SourceDocument } from '@tagboat/api';
import { invalid, parseDuration, TagboatError } from '@tagboat/base';

/** What a value in a configuration file may be. */
export type Shape =
  | {
      readonly kind: 'string';
      readonly pattern?: RegExp;
      readonly example?: string;
      readonly oneOf?: readonly string[];
    }
  | { readonly kind: 'number' | 'boolean' | 'any' | 'duration' }
  | { readonly kind: 'list'; readonly of: Shape; readonly atLeast?: number }
  | { readonly kind: 'map'; readonly of: Shape }
  | {
      readonly kind: 'object';
      readonly keys: Readonly<Record<string, Shape>>;
      readonly required?: readonly string[];
      /** Keys that belong here one day; using one is an error that says so. */
      readonly later?: readonly string[];
    };

export const text = (more: Omit<Extract<Shape, { kind: 'string' }>, 'kind'> = {}): Shape => ({
  kind: 'string',
  ...more,
});
export const list = (of: Shape, atLeast = 0): Shape => ({ kind: 'list', of, atLeast });
export const object = (
  keys: Readonly<Record<string, Shape>>,
  more: { required?: readonly string[]; later?: readonly string[] } = {},
): Shape => ({ kind: 'object', keys, ...more });

type Path = readonly (string | number)[];

/** Checks a parsed document. @throws `Invalid` at file:line:column, saying what was expected and what was found. */
export function checkShape(document: SourceDocument, shape: Shape, path: Path = []): void {
  let value: unknown = document.value;
  for (const part of path) value = (value as Record<string | number, unknown>)[part];
  check({ document, path }, value, shape);
}

interface Place {
  readonly document: SourceDocument;
  readonly path: Path;
}

function check(place: Place, value: unknown, shape: Shape): void {
  switch (shape.kind) {
    case 'any':
      return;
    case 'string':
      checkText(place, value, shape);
      return;
    case 'duration':
      checkDuration(place, value);
      return;
    case 'number':
    case 'boolean':
      if (typeof value !== shape.kind) fail(place, `a ${shape.kind}`, value);
      return;
    case 'list':
      if (!Array.isArray(value)) fail(place, 'a list', value);
      if ((value as unknown[]).length < (shape.atLeast ?? 0))
        fail(place, `at least ${shape.atLeast} item`, value);
      for (const [index, item] of (value as unknown[]).entries()) check(inner(place, index), item, shape.of);
      return;
    case 'map':
      for (const [key, item] of Object.entries(record(place, value)))
        check(inner(place, key), item, shape.of);
      return;
    default:
      checkObject(place, record(place, value), shape);
  }
}

const inner = (place: Place, part: string | number): Place => ({ ...place, path: [...place.path, part] });

function record(place: Place, value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    fail(place, 'a map of keys', value);
  return value as Record<string, unknown>;
}

function checkText(place: Place, value: unknown, shape: Extract<Shape, { kind: 'string' }>): void {
  if (typeof value !== 'string') fail(place, 'a text', value);
  if (shape.oneOf && !shape.oneOf.includes(value as string))
    fail(place, `one of ${shape.oneOf.join(', ')}`, value);
  if (shape.pattern && !shape.pattern.test(value as string))
    fail(place, shape.example ?? `text like ${shape.pattern}`, value);
}

function checkDuration(place: Place, value: unknown): void {
  try {
    parseDuration(String(value));
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    fail(place, 'a duration such as 30m or 2h', value);
  }
}

function checkObject(
  place: Place,
  value: Record<string, unknown>,
  shape: Extract<Shape, { kind: 'object' }>,
): void {
  const known = Object.keys(shape.keys);
  for (const key of Object.keys(value)) {
    if (shape.later?.includes(key))
      throw invalid(`"${key}" is not supported yet`, {
        location: place.document.locateKey([...place.path, key]),
      });
    if (!known.includes(key))
      throw invalid(`unknown key "${key}"${nearest(key, known)}`, {
        location: place.document.locateKey([...place.path, key]),
        hint: `known here: ${known.join(', ')}`,
      });
  }
  for (const key of shape.required ?? [])
    if (value[key] === undefined)
      throw invalid(`expected "${[...place.path, key].join('.')}", found none`, {
        location: place.document.locate(place.path),
      });
  for (const [key, item] of Object.entries(value)) check(inner(place, key), item, shape.keys[key]!);
}

function nearest(key: string, known: readonly string[]): string {
  const close = known.find((candidate) => distance(key.toLowerCase(), candidate.toLowerCase()) <= 2);
  return close ? `; did you mean "${close}"?` : '';
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

function fail({ document, path }: Place, expected: string, value: unknown): never {
  const found =
    value === null
      ? 'nothing'
      : Array.isArray(value)
        ? 'a list'
        : typeof value === 'object'
          ? 'a map'
          : JSON.stringify(value);
  // n, y, no, on and the like are truth values of YAML 1.1, which is what Kubernetes reads.
  const unquoted = expected === 'a text' && ['boolean', 'number'].includes(typeof value);
  throw invalid(`${path.join('.') || 'the document'}: expected ${expected}, found ${found}`, {
    location: document.locate(path),
    ...(unquoted ? { hint: 'put it in quotes' } : {}),
  });
}
