import { namesOf, type Shape, type SpecKind, shapes } from './fields.ts';
import { type Path, type Problem, Problems } from './problems.ts';

const lists = new Set(
  'steps sidecars params results workspaces tasks finally when env envFrom volumeMounts volumes include args command runAfter enum taskRunSpecs stepSpecs sidecarSpecs'.split(
    ' ',
  ),
);
const texts = new Set(
  'name image script workingDir mountPath subPath kind apiVersion resolver description displayName operator timeout onError serviceAccountName statusMessage claimName secretName managedBy'.split(
    ' ',
  ),
);
/** Lists of tasks in a pipeline's spec, times in a run's `timeouts`. */
const parts = new Set(['tasks', 'finally']);
/** Deeper than any spec is; the values of aliases may hold one another. */
const deepest = 40;

/** Where a spec is not of the form that Tekton's types have: a mapping where a list belongs, a number for a name. */
export function shapeProblems(kind: string, spec: unknown): Problem[] {
  const problems = new Problems();
  if (!(kind in shapes)) return [];
  if (spec === undefined || spec === null) problems.missing([]);
  else visit(problems, { path: [], value: spec, shape: shapes[kind as SpecKind], depth: 0 });
  return problems.found;
}

interface Visit {
  readonly path: Path;
  readonly value: unknown;
  readonly shape: Shape;
  readonly depth: number;
}

function visit(problems: Problems, { path, value, shape, depth }: Visit): void {
  if (!isMapping(value)) expected(problems, path, { wanted: 'a mapping', value });
  else if (depth > deepest) problems.add(path, `expected at most ${deepest} levels`);
  else
    for (const [key, item] of Object.entries(value)) {
      const name = namesOf(shape).get(key.toLowerCase());
      if (name === undefined || item === null || item === undefined) continue;
      const found = shape[name];
      const inner =
        typeof found === 'function' ? (found as () => Shape)() : (found as Shape | null | undefined);
      const place = { path: [...path, key], value: item, depth: depth + 1 };
      if (inner) below(problems, { ...place, shape: inner }, lists.has(name));
      else if (lists.has(name) && !parts.has(name) && !Array.isArray(item))
        expected(problems, place.path, { wanted: 'a list', value: item });
      else if (texts.has(name) && typeof item !== 'string')
        expected(problems, place.path, { wanted: 'a text', value: item });
    }
}

function below(problems: Problems, item: Visit, list: boolean): void {
  if (!list) visit(problems, item);
  else if (!Array.isArray(item.value)) expected(problems, item.path, { wanted: 'a list', value: item.value });
  else
    for (const [index, value] of item.value.entries())
      visit(problems, { ...item, path: [...item.path, index], value });
}

function expected(
  problems: Problems,
  path: Path,
  { wanted, value }: { wanted: string; value: unknown },
): void {
  const found = Array.isArray(value)
    ? 'a list'
    : isMapping(value)
      ? 'a mapping'
      : value === null
        ? 'nothing'
        : `${JSON.stringify(value)?.slice(0, 60)}`;
  const hint = wanted === 'a text' && /^(number|boolean)$/.test(typeof value) ? ': put it in quotes' : '';
  problems.add(path, `expected ${wanted}, found ${found}${hint}`);
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
