import { normalize } from 'node:path/posix';
import type { Param, ParamSpec, Sidecar, Step, TaskResult, TaskSpec } from '@tagboat/api';
import { parseDuration } from '@tagboat/base';
import { isLabel, type Path, type Problem, Problems } from './problems.ts';
import { findReferences } from './substitute.ts';
import { textsOf, validateParamSpecs, validateParamUse, withGiven } from './validate-params.ts';
import { validateReference } from './validate-remote.ts';
import { validateWhen } from './validate-when.ts';

export { firstProblem } from './problems.ts';

/**
 * What Tekton's admission refuses of a task.
 * @param given params of the run, which an inline spec may use undeclared; absent: usage is not checked
 */
export function validateTaskSpec(
  spec: TaskSpec,
  given?: readonly Param[],
  more: readonly ParamSpec[] = [],
): Problem[] {
  const problems = new Problems();
  if ('resources' in spec) problems.add(['resources'], 'must not set the field(s)');
  if (!Array.isArray(spec.steps) || spec.steps.length === 0) {
    problems.missing(['steps']);
    return problems.found;
  }
  problems.duplicates(
    ['volumes'],
    (spec.volumes ?? []).map(({ name }) => name),
  );
  validateWorkspaces(problems, spec);
  problems.duplicates(
    ['steps'],
    spec.steps.map(({ name }) => name),
  );
  for (const [index, step] of spec.steps.entries()) validateStep(problems, ['steps', index], { step, spec });
  for (const [index, sidecar] of (spec.sidecars ?? []).entries())
    validateSidecar(problems, ['sidecars', index], sidecar);
  problems.below([], validateParamSpecs(spec.params));
  for (const [index, result] of (spec.results ?? []).entries())
    validateResult(problems, ['results', index], result);
  validateNames(problems, spec);
  if (given)
    problems.below([], validateParamUse(merged(spec), withGiven([...more, ...(spec.params ?? [])], given)));
  return problems.found;
}

/** Steps with the variables that the template gives them. */
const merged = ({ steps, stepTemplate }: TaskSpec): Step[] =>
  steps.map((step) => ({ ...step, env: [...(step.env ?? []), ...(stepTemplate?.env ?? [])] }));

/** A path without `..`, doubled and trailing slashes (Go's `filepath.Clean`). */
const cleaned = (path = '') => normalize(path).replace(/(.)\/$/, '$1');

function validateWorkspaces(problems: Problems, spec: TaskSpec): void {
  const declared = new Set((spec.workspaces ?? []).map(({ name }) => name));
  const paths = new Set(
    [...spec.steps, spec.stepTemplate ?? {}].flatMap(({ volumeMounts }) =>
      (volumeMounts ?? []).map(({ mountPath }) => cleaned(mountPath)),
    ),
  );
  const names = new Set<string>();
  for (const [index, { name, mountPath }] of (spec.workspaces ?? []).entries()) {
    if (names.has(name))
      problems.add(['workspaces', index, 'name'], `workspace name "${name}" must be unique`);
    names.add(name);
    const path = cleaned(mountPath || `/workspace/${name}`);
    if (paths.has(path))
      problems.add(['workspaces', index, 'mountPath'], `workspace mount path "${path}" must be unique`);
    paths.add(path);
  }
  for (const list of ['steps', 'sidecars'] as const)
    for (const [index, item] of (spec[list] ?? []).entries())
      for (const [at, { name }] of (item.workspaces ?? []).entries())
        if (!declared.has(name))
          problems.add([list, index, 'workspaces', at, 'name'], `undefined workspace "${name}"`);
}

const notWithRef = [
  'image',
  'command',
  'args',
  'script',
  'workingDir',
  'env',
  'volumeMounts',
  'results',
] as const;

function validateStep(problems: Problems, path: Path, { step, spec }: { step: Step; spec: TaskSpec }): void {
  if (step.ref) {
    for (const field of notWithRef)
      if (step[field] !== undefined && step[field] !== '')
        problems.add([...path, field], `${field} cannot be used with Ref`);
    validateReference(problems, [...path, 'ref'], step.ref);
  } else {
    if (step.params) problems.add([...path, 'params'], 'params cannot be used without Ref');
    if (!step.image && !spec.stepTemplate?.image) problems.missing([...path, 'image']);
    if (step.script && step.command?.length)
      problems.add([...path, 'script'], 'script cannot be used with command');
  }
  if (step.name && !isLabel(step.name))
    problems.invalid([...path, 'name'], `"${step.name}"`, 'Task step name must be a valid DNS Label');
  if (step.timeout !== undefined) validateTimeout(problems, [...path, 'timeout'], step.timeout);
  if (
    step.onError &&
    !step.onError.startsWith('$(params') &&
    !['continue', 'stopAndFail'].includes(step.onError)
  )
    problems.invalid(
      [...path, 'onError'],
      `"${step.onError}"`,
      'Task step onError must be either "continue" or "stopAndFail"',
    );
  for (const [index, { name = '', mountPath }] of (step.volumeMounts ?? []).entries()) {
    const place = cleaned(mountPath);
    if (/^\/tekton\//.test(place) && !/^\/tekton\/home/.test(place))
      problems.add(
        [...path, 'volumeMounts', index, 'mountPath'],
        `volumeMount cannot be mounted under /tekton/ (volumeMount "${name}" mounted at "${mountPath}")`,
      );
    if (name.startsWith('tekton-internal-'))
      problems.add(
        [...path, 'volumeMounts', index, 'name'],
        `volumeMount name "${name}" cannot start with "tekton-internal-"`,
      );
  }
  validateStepReferences(problems, path, step);
  for (const [index, result] of (step.results ?? []).entries())
    validateResult(problems, [...path, 'results', index], result);
  problems.below(path, validateWhen(step.when));
}

/** Where the outcomes of earlier steps can be used. */
const outcomes = [
  { what: 'stepResult', name: /^steps\.[\w-]+\.results\./, fields: ['env', 'command', 'args'] },
  { what: 'stepArtifact', name: /^steps\.[\w-]+\.outputs\b/, fields: ['env', 'command', 'args', 'script'] },
] as const;
const others = ['image', 'script', 'workingDir', 'envFrom', 'volumeMounts', 'volumeDevices'] as const;

function validateStepReferences(problems: Problems, path: Path, step: Step): void {
  for (const { what, name, fields } of outcomes)
    for (const field of others) {
      const found = findReferences((step as Record<string, unknown>)[field]);
      if (!(fields as readonly string[]).includes(field) && found.some((used) => name.test(used.name)))
        problems.add(
          [...path, field],
          `${what} substitutions are only allowed in ${fields.slice(0, -1).join(', ')} and ${fields.at(-1)}. Found usage in`,
        );
    }
}

export function validateTimeout(problems: Problems, path: Path, timeout: string): void {
  if (String(timeout).includes('$(')) return;
  try {
    parseDuration(String(timeout));
  } catch {
    const negative = /^-/.test(String(timeout));
    problems.invalid(
      path,
      timeout,
      negative ? 'should be >= 0' : 'expected a duration such as "90s", "10m" or "1h30m"',
    );
  }
}

function validateSidecar(problems: Problems, path: Path, sidecar: Sidecar): void {
  if (sidecar.name === 'tekton-log-results')
    problems.add([...path, 'name'], `Invalid: cannot use reserved sidecar name ${sidecar.name}`);
  if (!sidecar.image) problems.missing([...path, 'image']);
  if (sidecar.script && sidecar.command?.length)
    problems.add([...path, 'script'], 'script cannot be used with command');
}

function validateResult(problems: Problems, path: Path, result: TaskResult): void {
  if (!/^([A-Za-z0-9][-A-Za-z0-9_]*)?[A-Za-z0-9]$/.test(result.name ?? ''))
    problems.add(
      [...path, 'name'],
      `invalid key name "${result.name}"; Name must consist of alphanumeric characters, '-', '_', and must start and end with an alphanumeric character`,
    );
  const type = result.type ?? 'string';
  if (!['string', 'array', 'object'].includes(type))
    problems.invalid([...path, 'type'], type, 'type must be string, array or object');
  if (type === 'object' && !result.properties) problems.missing([...path, 'properties']);
  const wrong = Object.entries(result.properties ?? {}).filter(([, property]) => property?.type !== 'string');
  if (wrong.length > 0)
    problems.add(
      [...path, 'properties'],
      `The value type specified for these keys [${wrong.map(([key]) => key).join(' ')}] is invalid, the type must be string`,
    );
  const value = result.value;
  if (value !== undefined && !/\$\(steps\..*?\.results\..*?\)/.test(String(value)))
    problems.add(
      [...path, 'value'],
      `Could not extract step name and result name. Expected value to look like $(steps.<stepName>.results.<resultName>) but got "${String(value)}"`,
    );
}

const taskContext = new Set([
  'context.taskRun.name',
  'context.taskRun.namespace',
  'context.taskRun.uid',
  'context.task.name',
  'context.task.retry-count',
]);

/** Context variables and results that do not exist. */
function validateNames(problems: Problems, spec: TaskSpec): void {
  const results = new Set((spec.results ?? []).map(({ name }) => name));
  for (const [index, step] of spec.steps.entries())
    for (const { path, text } of textsOf(step))
      for (const { name } of findReferences(text)) {
        const result = /^(step\.)?results\.([\w-]+)\.path$/.exec(name);
        const own = (step.results ?? []).some((declared) => declared.name === result?.[2]);
        const there = own || (!result?.[1] && results.has(result?.[2] ?? ''));
        const wrong =
          (/^context\.task(Run)?\./.test(name) && !taskContext.has(name)) ||
          (result && path[0] === 'script' && !there);
        if (wrong)
          problems.add(['steps', index, ...path], `non-existent variable in "${text.slice(0, 200)}"`);
      }
  // Whatever stands between these brackets is meant as the name of a result, such as one with a shell's variable.
  for (const [index, { script = '' }] of spec.steps.entries())
    for (const [text, name] of script.matchAll(/\$\(results\.(.*?)\)/g))
      if (!/^[\w.-]+$/.test(name!))
        problems.add(['steps', index, 'script'], `non-existent variable in "${text}"`);
}
