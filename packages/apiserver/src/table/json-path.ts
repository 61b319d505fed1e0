import { invalid } from '@tagboat/base';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | {
      readonly kind: 'filter';
      readonly path: readonly Step[];
      readonly operator: string;
      readonly value: unknown;
    };

/** A compiled path, such as `.status.conditions[?(@.type=="Ready")].status`. */
export type JsonPath = (value: unknown) => unknown[];

const maxLength = 1000;

/** Compiles the part of JSONPath that printer columns use (client-go `util/jsonpath`). @throws `Invalid` */
export function jsonPath(text: string): JsonPath {
  if (text.length > maxLength) throw invalid(`expected a JSONPath of at most ${maxLength} characters`);
  const steps = parseSteps(
    text
      .trim()
      .replace(/^\{(.*)\}$/s, '$1')
      .replace(/^\$/, ''),
    text,
  );
  return (value) => evaluate(steps, value);
}

const tokens =
  /\.([A-Za-z0-9_$-]+(?:\\\.[A-Za-z0-9_$-]+)*)|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]|\[\s*(-?\d+)\s*\]|(\[\s*\*\s*\]|\.\*)|\[\?\(\s*@((?:\.[A-Za-z0-9_-]+)+)\s*(==|!=|>=|<=|>|<)\s*("[^"]*"|'[^']*'|[-\w.]+)\s*\)\]/y;

function parseSteps(path: string, whole: string): Step[] {
  const steps: Step[] = [];
  const text = path.startsWith('.') || path.startsWith('[') || path === '' ? path : `.${path}`;
  let from = 0;
  while (from < text.length) {
    tokens.lastIndex = from;
    const match = tokens.exec(text);
    if (!match) {
      if (text.slice(from) === '.') return steps;
      throw invalid(`cannot read the JSONPath "${whole}" at "${text.slice(from, from + 40)}"`);
    }
    from += match[0].length;
    steps.push(stepOf(match, whole));
  }
  return steps;
}

function stepOf(match: RegExpExecArray, whole: string): Step {
  const [, plain, single, double, index, all, path, operator, value] = match;
  const name = plain?.replace(/\\\./g, '.') ?? single ?? double;
  if (name !== undefined) return { kind: 'field', name };
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (all !== undefined) return { kind: 'all' };
  return { kind: 'filter', path: parseSteps(path!, whole), operator: operator!, value: literal(value!) };
}

function literal(text: string): unknown {
  if (/^["']/.test(text)) return text.slice(1, -1);
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function evaluate(steps: readonly Step[], value: unknown): unknown[] {
  let found: unknown[] = [value];
  for (const step of steps) found = found.flatMap((item) => stepInto(step, item));
  return found;
}

function stepInto(step: Step, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const record = value as Record<string, unknown>;
  switch (step.kind) {
    case 'field':
      return Object.hasOwn(record, step.name) ? [record[step.name]] : [];
    case 'index': {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Object.values(record);
    case 'filter':
      return (Array.isArray(value) ? value : Object.values(record)).filter((item) =>
        evaluate(step.path, item).some((inner) => compare(inner, step.operator, step.value)),
      );
  }
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '>':
      return Number(left) > Number(right);
    case '<':
      return Number(left) < Number(right);
    case '>=':
      return Number(left) >= Number(right);
    default:
      return Number(left) <= Number(right);
  }
}
