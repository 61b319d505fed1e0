import { type Param, type ParamSpec, typeOfParam } from '@tagboat/api';
import { findReferences } from './substitute.ts';

/** Params that a spec declares and a run must give; in the order of their declaration. */
export function missingParams(declared: readonly ParamSpec[], given: readonly Param[]): string[] {
  const names = new Set(given.map(({ name }) => name));
  return declared
    .filter((spec) => spec.default === undefined && !names.has(spec.name))
    .map(({ name }) => name);
}

export function mistypedParams(declared: readonly ParamSpec[], given: readonly Param[]): string[] {
  const types = new Map(declared.map((spec) => [spec.name, spec.type ?? 'string']));
  return given
    .filter(({ name, value }) => {
      const wanted = types.get(name);
      // What is still a reference has no type of its own yet.
      if (wanted === undefined || (wanted !== 'string' && typeof value === 'string' && /\$\(/.test(value)))
        return false;
      return typeOfParam(value) !== wanted;
    })
    .map(({ name }) => name);
}

/** What is given for a param that allows only some values, and is none of them. */
export function wrongChoice(declared: readonly ParamSpec[], given: readonly Param[]): string | undefined {
  const allowed = new Map(declared.map((spec) => [spec.name, spec.enum ?? []]));
  const wrong = given.find(({ name, value }) => {
    const values = allowed.get(name) ?? [];
    return values.length > 0 && typeof value === 'string' && value !== '' && !values.includes(value);
  });
  return wrong && `param \`${wrong.name}\` value: ${String(wrong.value)} is not in the enum list`;
}

/** Keys that objects must have and do not, as Go prints them; an object that nobody gives is a missing param. */
export function missingKeys(declared: readonly ParamSpec[], given: readonly Param[]): string | undefined {
  const values = new Map(given.map(({ name, value }) => [name, value]));
  const all: string[] = [];
  for (const { name, type, properties, default: fallback } of declared) {
    const there = new Set([...keysOf(fallback), ...keysOf(values.get(name))]);
    if (type !== 'object' || !properties || there.size === 0) continue;
    const missing = Object.keys(properties).filter((key) => !there.has(key));
    if (missing.length > 0) all.push(`${name}:[${missing.join(' ')}]`);
  }
  return all.length > 0 ? `map[${all.sort().join(' ')}]` : undefined;
}

const keysOf = (value: unknown) =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : [];

/** References to items that arrays do not have, sorted, each once. */
export function wrongIndexes(
  declared: readonly ParamSpec[],
  given: readonly Param[],
  used: unknown,
): string[] {
  const lists = new Map<string, number>();
  for (const { name, default: fallback } of declared)
    if (Array.isArray(fallback)) lists.set(name, fallback.length);
  for (const { name, value } of given) if (Array.isArray(value)) lists.set(name, value.length);
  const wrong = findReferences(used).filter(({ name, index }) => {
    if (!name.startsWith('params.') || index === undefined || index === '*') return false;
    const length = lists.get(name.slice('params.'.length));
    return length !== undefined && Number(index) >= length;
  });
  return [...new Set(wrong.map(({ text }) => text))].sort();
}

/**
 * What is wrong with the params that a task is given (Tekton's `ValidateResolvedTask`); undefined where all is well.
 * @param matrix names of params whose values a matrix gives, one text at a time
 */
export function taskParamsProblem(
  declared: readonly ParamSpec[],
  { task, params, matrix = [] }: { task: string; params: readonly Param[]; matrix?: readonly string[] },
): string | undefined {
  const single = matrix.map((name): Param => ({ name, value: '' }));
  const missing = missingParams(declared, [...params, ...single]);
  const mistyped = [...mistypedParams(declared, params), ...mistypedParams(declared, single)];
  const keys = missingKeys(declared, params);
  const why =
    missing.length > 0
      ? `missing values for these params which have no default values: [${missing.join(' ')}]`
      : mistyped.length > 0
        ? `param types don't match the user-specified type: [${mistyped.join(' ')}]`
        : keys
          ? `missing keys for these params which are required in ParamSpec's properties ${keys}`
          : undefined;
  return why && `invalid input params for task ${task}: ${why}`;
}
