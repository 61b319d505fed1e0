import { parseDuration } from '@tagboat/base';
import { type Form, specForm } from './fields.ts';
import { type Path, type Problem, Problems } from './problems.ts';

/** Deeper than any spec is; the values of aliases may hold one another. */
const deepest = 40;

/**
 * Where a spec is not of the form that Tekton's types have: a field they do not know, a mapping where a list belongs, a
 * number for a name.
 */
export function shapeProblems(kind: string, spec: unknown, version = 'v1'): Problem[] {
  const problems = new Problems();
  const form = specForm(kind);
  if (!form) return [];
  if (spec === undefined || spec === null) problems.missing([]);
  else new Visit(problems, kind === 'CustomRun' ? 'v1beta1' : version).visit([], spec, form);
  return problems.found;
}

class Visit {
  readonly #problems: Problems;
  readonly #version: string;

  constructor(problems: Problems, version: string) {
    this.#problems = problems;
    this.#version = version;
  }

  visit(path: Path, value: unknown, form: Form): void {
    if (form.is === 'object') this.#object(path, value, form);
    else if (form.is === 'list') this.#list(path, value, form.of);
    else if (form.is === 'map') this.#map(path, value, form.of);
    else this.#plain(path, value, form.is);
  }

  #object(path: Path, value: unknown, { fields }: Extract<Form, { is: 'object' }>): void {
    if (!isMapping(value)) this.#expected(path, 'a mapping', value);
    else if (path.length > deepest) this.#problems.add(path, `expected at most ${deepest} levels`);
    else
      for (const [key, item] of Object.entries(value)) {
        const field = fields().get(key.toLowerCase());
        if (!field || (field.version && field.version !== this.#version)) this.#unknown([...path, key]);
        else if (item !== null && item !== undefined) this.visit([...path, key], item, field.form);
      }
  }

  #list(path: Path, value: unknown, of: Form): void {
    if (!Array.isArray(value)) this.#expected(path, 'a list', value);
    else for (const [index, item] of value.entries()) this.visit([...path, index], item, of);
  }

  #map(path: Path, value: unknown, of: Form): void {
    if (!isMapping(value)) this.#expected(path, 'a mapping', value);
    else
      for (const [key, item] of Object.entries(value))
        if (item !== null && item !== undefined) this.visit([...path, key], item, of);
  }

  #plain(path: Path, value: unknown, is: keyof typeof checks | 'any'): void {
    if (is === 'any') return;
    const { wanted, fits } = checks[is];
    if (!fits(value)) this.#expected(path, wanted, value);
  }

  #unknown(path: Path): void {
    this.#problems.add(path, `unknown field "${String(path.at(-1))}"`);
  }

  #expected(path: Path, wanted: string, value: unknown): void {
    const found = Array.isArray(value)
      ? 'a list'
      : isMapping(value)
        ? 'a mapping'
        : value === null
          ? 'nothing'
          : `${JSON.stringify(value)?.slice(0, 60)}`;
    const hint = wanted === 'a text' && /^(number|boolean)$/.test(typeof value) ? ': put it in quotes' : '';
    this.#problems.add(path, `expected ${wanted}, found ${found}${hint}`);
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const quantity = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;

const checks = {
  text: { wanted: 'a text', fits: isText },
  flag: { wanted: 'true or false', fits: (value: unknown) => typeof value === 'boolean' },
  whole: { wanted: 'a whole number', fits: Number.isInteger },
  quantity: {
    wanted: 'a quantity such as 500m or 1Gi',
    fits: (value: unknown) => typeof value === 'number' || (isText(value) && quantity.test(value)),
  },
  port: { wanted: 'a number or a name', fits: (value: unknown) => isText(value) || Number.isInteger(value) },
  duration: {
    wanted: 'a duration such as "90s", "10m" or "1h30m"',
    fits: (value: unknown) => isText(value) && isDuration(value.replace(/^[+-]/, '')),
  },
  mapping: { wanted: 'a mapping', fits: isMapping },
} as const;

function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    // What `parseDuration` does not read is what is asked here.
    return false;
  }
}
