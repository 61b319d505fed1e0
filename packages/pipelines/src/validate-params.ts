import { type Param, type ParamSpec, type Step, typeOfParam } from '@tagboat/api';
import { type Path, type Problem, Problems } from './problems.ts';
import { findReferences } from './substitute.ts';

const variableName = /^[_a-zA-Z][_a-zA-Z0-9.-]*$/;
const objectName = /^[_a-zA-Z][_a-zA-Z0-9-]*$/;

/** Declarations of params: names, types, defaults, enums (Tekton `ValidateParameterTypes`, `ValidateParameterVariables`). */
export function validateParamSpecs(specs: readonly ParamSpec[] | undefined): Problem[] {
  const problems = new Problems();
  problems.duplicates(
    ['params'],
    (specs ?? []).map(({ name }) => name),
  );
  for (const [index, spec] of (specs ?? []).entries()) {
    const path = ['params', index];
    const type = spec.type ?? 'string';
    if (!['string', 'array', 'object'].includes(type)) problems.invalid([...path, 'type'], type);
    if (spec.default !== undefined && typeOfParam(spec.default) !== type)
      problems.add(
        [...path, 'default'],
        `"${type}" type does not match default value's type: "${typeOfParam(spec.default)}"`,
      );
    const wrong = Object.entries(spec.properties ?? {}).filter(([, property]) => property?.type !== 'string');
    if (wrong.length > 0)
      problems.add(
        [...path, 'properties'],
        `The value type specified for these keys [${wrong.map(([key]) => key).join(' ')}] is invalid`,
      );
    if (type === 'object' && !spec.properties) problems.missing([...path, 'properties']);
    if (!(type === 'object' ? objectName : variableName).test(spec.name ?? ''))
      problems.add(
        [...path, 'name'],
        `The format of following ${type === 'object' ? 'object' : 'array and string'} variable names is invalid: [${spec.name}]`,
      );
    validateEnum(problems, path, spec);
  }
  return problems.found;
}

function validateEnum(
  problems: Problems,
  path: Path,
  { enum: allowed, type = 'string', default: fallback }: ParamSpec,
): void {
  if (!allowed) return;
  if (type !== 'string') problems.add([...path, 'enum'], `enum can only be set with string type param`);
  const twice = allowed.find((value, index) => allowed.indexOf(value) !== index);
  if (twice !== undefined)
    problems.add([...path, 'enum'], `parameter enum value ${twice} appears more than once`);
  if (typeof fallback === 'string' && !allowed.includes(fallback))
    problems.add([...path, 'default'], `param default value ${fallback} not in the enum list`);
}

/** Params that a run gives to a spec of its own, as they were written: each has a value, and a name that variables can have. */
export function validateGiven(
  problems: Problems,
  path: Path,
  { params = [], named }: { params: readonly Partial<Param>[] | undefined; named: boolean },
): void {
  for (const [index, { name = '', value }] of params.entries()) {
    if (value === undefined || value === null)
      problems.invalid([...path, index, 'value'], '', `param "${name}" has no value`);
    if (named && !variableName.test(name))
      problems.add(
        [...path, index, 'name'],
        `The format of following array and string variable names is invalid: [${name}]`,
      );
  }
}

/** The params that the steps of an inline spec can use: their own and what the run gives. */
export function withGiven(specs: readonly ParamSpec[] = [], given: readonly Param[] = []): ParamSpec[] {
  const known = new Map(specs.map((spec) => [spec.name, spec]));
  for (const { name, value } of given)
    if (!known.has(name)) known.set(name, { name, type: typeOfParam(value), ...propertiesOf(value) });
    else known.set(name, { ...known.get(name)!, ...merged(known.get(name)!, value) });
  return [...known.values()];
}

const propertiesOf = (value: Param['value']) =>
  typeOfParam(value) === 'object'
    ? { properties: Object.fromEntries(Object.keys(value).map((key) => [key, { type: 'string' }])) }
    : {};

const merged = (spec: ParamSpec, value: Param['value']) =>
  typeOfParam(value) === 'object' && spec.type === 'object'
    ? { properties: { ...spec.properties, ...propertiesOf(value).properties } }
    : {};

/** How steps use params: known names, arrays only whole as an item of command or args, objects only by key. */
export function validateParamUse(steps: readonly Step[], specs: readonly ParamSpec[]): Problem[] {
  const problems = new Problems();
  const known = new Map(specs.map((spec) => [spec.name, spec]));
  for (const [index, step] of steps.entries())
    for (const { path, text, list } of textsOf(step))
      for (const { name, index: at, text: whole } of findReferences(text)) {
        const used = /^params\.(.+)$/.exec(name)?.[1];
        if (used === undefined) continue;
        const spec = known.get(used) ?? known.get(used.slice(0, used.lastIndexOf('.')));
        const where = ['steps', index, ...path];
        const type = spec?.type ?? 'string';
        if (
          !spec ||
          (spec.name !== used && type !== 'object') ||
          (spec.name !== used && spec.properties && !(used.slice(spec.name.length + 1) in spec.properties))
        )
          problems.add(where, `non-existent variable in "${short(text)}"`);
        else if (type === 'object' && spec.name === used)
          problems.add(where, `variable type invalid in "${short(text)}"`);
        else if (type === 'array' && (at === undefined || at === '*')) {
          if (!list) problems.add(where, `variable type invalid in "${short(text)}"`);
          else if (text !== whole)
            problems.add(where, `variable is not properly isolated in "${short(text)}"`);
        }
      }
  return problems.found;
}

const short = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}...` : text);

/** The texts of a step in which variables may stand. `list`: an array can be spread there. */
export function textsOf(step: Step): { path: Path; text: string; list: boolean }[] {
  const texts: { path: Path; text: string; list: boolean }[] = [];
  const add = (path: Path, text: unknown, list = false) => {
    if (typeof text === 'string' && text !== '') texts.push({ path, text, list });
  };
  for (const field of ['name', 'image', 'workingDir', 'script', 'onError'] as const)
    add([field], step[field]);
  for (const [index, text] of (step.command ?? []).entries()) add(['command', index], text, true);
  for (const [index, text] of (step.args ?? []).entries()) add(['args', index], text, true);
  for (const [index, { value }] of (step.env ?? []).entries()) add(['env', index, 'value'], value);
  for (const [index, mount] of (step.volumeMounts ?? []).entries())
    for (const field of ['name', 'mountPath', 'subPath'] as const)
      add(['volumeMounts', index, field], mount[field]);
  return texts;
}
