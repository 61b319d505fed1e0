import type { Param, ParamSpec, ParamValue } from '@tagboat/api';

/** The value of a variable such as `params.name` or `tasks.build.results.digest`; undefined where it is not known here. */
export type Lookup = (name: string) => ParamValue | undefined;

// $(a.b-c.d), $(a["b.c"]), $(a['b']) with an optional [*] or [0] at the end.
const reference = /\$\(([a-zA-Z_][\w-]*(?:\.[\w-]+|\["[^"\]]+"\]|\['[^'\]]+'\])*)(?:\[(\*|\d+)\])?\)/g;

function plainName(text: string): string {
  return text.replace(/\[["']([^"'\]]+)["']\]/g, '.$1');
}

/** The names of all variables in a value, brackets turned into dots and index left off. */
export function referencesIn(value: unknown): string[] {
  const names: string[] = [];
  visitStrings(value, (text) => {
    for (const match of text.matchAll(reference)) names.push(plainName(match[1]!));
  });
  return names;
}

function visitStrings(value: unknown, visit: (text: string) => void): void {
  if (typeof value === 'string') visit(value);
  else if (Array.isArray(value)) for (const item of value) visitStrings(item, visit);
  else if (value !== null && typeof value === 'object')
    for (const item of Object.values(value)) visitStrings(item, visit);
}

/** Replaces variables in one string; what is not known stays as it is, for a later round. */
export function substituteText(text: string, lookup: Lookup): string {
  return text.replace(reference, (whole, name: string, index: string | undefined) => {
    const value = lookup(plainName(name));
    if (value === undefined) return whole;
    if (typeof value === 'string') return index === undefined ? value : whole;
    if (Array.isArray(value)) {
      if (index === undefined || index === '*') return JSON.stringify(value);
      return value[Number(index)] ?? whole;
    }
    return JSON.stringify(value);
  });
}

/**
 * Replaces variables everywhere in a JSON value. An array item that is exactly one whole array, `$(params.list[*])`,
 * becomes its items; a value that is exactly one array or object reference becomes that value
 * (Tekton docs, variables.md).
 */
export function substitute<T>(value: T, lookup: Lookup): T {
  return replaceIn(value, lookup) as T;
}

function replaceIn(value: unknown, lookup: Lookup): unknown {
  if (typeof value === 'string') return whole(value, lookup) ?? substituteText(value, lookup);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const replaced = replaceIn(item, lookup);
      return typeof item === 'string' && Array.isArray(replaced) ? (replaced as unknown[]) : [replaced];
    });
  }
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceIn(item, lookup)]));
  return value;
}

function whole(text: string, lookup: Lookup): ParamValue | undefined {
  const match = new RegExp(`^${reference.source}$`).exec(text);
  if (match?.[2] !== '*') return undefined;
  const value = lookup(plainName(match[1]!));
  return typeof value === 'string' ? undefined : value;
}

/** A lookup over several maps of values: the first that knows the name wins. `a.b` also finds key `b` of an object `a`. */
export function lookupIn(...maps: readonly ReadonlyMap<string, ParamValue>[]): Lookup {
  return (name) => {
    for (const map of maps) {
      const value = map.get(name);
      if (value !== undefined) return value;
      const dot = name.lastIndexOf('.');
      const parent = dot > 0 ? map.get(name.slice(0, dot)) : undefined;
      if (parent !== undefined && typeof parent === 'object' && !Array.isArray(parent))
        return parent[name.slice(dot + 1)];
    }
    return undefined;
  };
}

/** `params.<name>` of every declared param (its value, else its default) and of every extra value given. */
export function paramVariables(
  specs: readonly ParamSpec[] = [],
  params: readonly Param[] = [],
): Map<string, ParamValue> {
  const values = new Map<string, ParamValue>();
  for (const { name, default: fallback } of specs)
    if (fallback !== undefined) values.set(`params.${name}`, fallback);
  for (const { name, value } of params) {
    const before = values.get(`params.${name}`);
    values.set(`params.${name}`, isMap(value) && isMap(before) ? { ...before, ...value } : value);
  }
  return values;
}

function isMap(value: ParamValue | undefined): value is Record<string, string> {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Variables without those that the task declares itself: its own params come before propagated ones of their name. */
export function hiding(variables: Lookup, declared: readonly { name: string }[] = []): Lookup {
  const own = new Set(declared.map(({ name }) => name));
  return (name) =>
    name.startsWith('params.') && own.has(name.slice('params.'.length)) ? undefined : variables(name);
}
