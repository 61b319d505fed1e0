import type { Param, ParamSpec, ParamValue } from '@tagboat/api';
import { invalid } from '@tagboat/base';

/** The value of a variable such as `params.name` or `tasks.build.results.digest`; undefined where it is not known here. */
export type Lookup = (name: string) => ParamValue | undefined;

// $(a.b-c.d), $(a["b.c"]), $(a['b']), $(a.b[0].c) with an optional [*] or [0] at the end.
const part = String.raw`(?:\.[\w/-]+|\["[^"\]]+"\]|\['[^'\]]+'\])`;
const reference = new RegExp(String.raw`\$\(([a-zA-Z_][\w-]*${part}*)(?:\[(\*|\d+)\])?\)`, 'g');
const only = new RegExp(`^${reference.source}$`);

/** Substituted text beyond this cannot be meant, and must not fill the memory. */
const longestText = 4 * 2 ** 20;

function plainName(text: string): string {
  return text.replace(/\[["']([^"'\]]+)["']\]/g, '.$1');
}

export interface FoundReference {
  /** With brackets turned into dots, index left off. */
  readonly name: string;
  readonly index: string | undefined;
  /** As it stands in the text. */
  readonly text: string;
}

/** Every variable in a JSON value, in order. */
export function findReferences(value: unknown): FoundReference[] {
  const found: FoundReference[] = [];
  visitStrings(value, (text) => {
    if (!text.includes('$(')) return;
    for (const match of text.matchAll(reference))
      found.push({ name: plainName(match[1]!), index: match[2], text: match[0] });
  });
  return found;
}

/** The names of all variables in a value, brackets turned into dots and index left off. */
export function referencesIn(value: unknown): string[] {
  return findReferences(value).map(({ name }) => name);
}

export function visitStrings(value: unknown, visit: (text: string) => void): void {
  if (typeof value === 'string') visit(value);
  else if (Array.isArray(value)) for (const item of value) visitStrings(item, visit);
  else if (value !== null && typeof value === 'object')
    for (const item of Object.values(value)) visitStrings(item, visit);
}

/**
 * Replaces variables in one string; what is not known, and what is a whole array or object, stays as it is.
 * @throws `Invalid` where the outcome is larger than any text can be meant to be
 */
export function substituteText(text: string, lookup: Lookup): string {
  if (!text.includes('$(')) return text;
  let size = text.length;
  return text.replace(reference, (whole, name: string, index: string | undefined) => {
    const value = lookup(plainName(name));
    const replaced = Array.isArray(value) ? value[Number(index)] : index === '*' ? undefined : value;
    if (typeof replaced !== 'string') return whole;
    size += replaced.length;
    if (size > longestText)
      throw invalid(`replacing $(${name}) makes a text of more than ${longestText} characters`, {
        hint: 'hand large values on in a file of a workspace',
      });
    return replaced;
  });
}

/**
 * Replaces variables everywhere in a JSON value. An item of a list that is exactly one whole array becomes its items;
 * the value of a param, result or matrix that is exactly one array or object becomes that (Tekton docs, variables.md).
 */
export function substitute<T>(value: T, lookup: Lookup): T {
  return replaceIn(value, lookup, '') as T;
}

const valueLists = new Set(['params', 'results', 'include', 'matrix']);

function replaceIn(value: unknown, lookup: Lookup, within: string): unknown {
  if (typeof value === 'string') return substituteText(value, lookup);
  if (Array.isArray(value))
    return value.flatMap((item: unknown) => {
      const list = typeof item === 'string' ? wholeValue(item, lookup) : undefined;
      if (Array.isArray(list)) return list;
      return [replaceIn(item, lookup, within)];
    });
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        key === 'value' && valueLists.has(within)
          ? substituteValue(item as ParamValue, lookup)
          : replaceIn(item, lookup, key),
      ]),
    );
  return value;
}

/** A param's value with variables replaced; exactly one array or object reference becomes that array or object. */
export function substituteValue(value: ParamValue, lookup: Lookup): ParamValue {
  if (typeof value !== 'string') return replaceIn(value, lookup, '') as ParamValue;
  return wholeValue(value, lookup) ?? substituteText(value, lookup);
}

function wholeValue(text: string, lookup: Lookup): Exclude<ParamValue, string> | undefined {
  if (!text.startsWith('$(')) return undefined;
  const match = only.exec(text);
  if (!match || (match[2] !== undefined && match[2] !== '*')) return undefined;
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
      if (parent !== undefined && typeof parent === 'object' && !Array.isArray(parent)) {
        const inner = parent[name.slice(dot + 1)];
        if (inner !== undefined) return inner;
      }
    }
    return undefined;
  };
}

/** Looks in one after the other. */
export function firstOf(...lookups: readonly Lookup[]): Lookup {
  return (name) => {
    for (const lookup of lookups) {
      const value = lookup(name);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}

const deepest = 10;

/**
 * `params.<name>` of every declared param (its value, else its default) and of every extra value given. A default may
 * use other params; an object's missing keys come from its default.
 * @throws `Invalid` for defaults that use one another in a circle
 */
export function paramVariables(
  specs: readonly ParamSpec[] = [],
  params: readonly Param[] = [],
): Map<string, ParamValue> {
  const values = new Map<string, ParamValue>();
  for (const { name, default: fallback } of specs)
    if (fallback !== undefined) values.set(`params.${name}`, fallback);
  const given = new Set(params.map(({ name }) => name));
  for (const { name, value } of params) {
    const before = values.get(`params.${name}`);
    values.set(`params.${name}`, isMap(value) && isMap(before) ? { ...before, ...value } : value);
  }
  const open = specs.filter(
    ({ name, default: fallback }) =>
      !given.has(name) && referencesIn(fallback).some((used) => used.startsWith('params.')),
  );
  const lookup = lookupIn(values);
  for (let round = 0; open.length > 0 && round < deepest; round++)
    for (const { name } of open)
      values.set(`params.${name}`, substituteValue(values.get(`params.${name}`)!, lookup));
  for (const { name } of open) {
    const left = referencesIn(values.get(`params.${name}`)).find(
      (used) => used.startsWith('params.') && lookup(used) !== undefined,
    );
    if (left)
      throw invalid(
        `parameter resolution failed: circular dependency detected in param "params.${name}", whose default uses $(${left})`,
      );
  }
  return values;
}

function isMap(value: ParamValue | undefined): value is Record<string, string> {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Variables without those that the task declares itself: its own params come before propagated ones of their name. */
export function hiding(variables: Lookup, declared: readonly { name: string }[] = []): Lookup {
  const own = new Set(declared.map(({ name }) => name));
  if (own.size === 0) return variables;
  return (name) => {
    if (!name.startsWith('params.')) return variables(name);
    const rest = name.slice('params.'.length);
    return own.has(rest) || own.has(rest.split('.')[0]!) ? undefined : variables(name);
  };
}
