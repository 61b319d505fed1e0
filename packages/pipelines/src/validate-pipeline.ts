import type { Param, ParamSpec, PipelineSpec, PipelineTask } from '@tagboat/api';
import { describeError } from '@tagboat/base';
import { buildGraph } from './graph.ts';
import { countCombinations, isMatrixed } from './matrix.ts';
import { isLabel, type Limits, type Path, type Problem, Problems } from './problems.ts';
import { findReferences } from './substitute.ts';
import { isCustom } from './task-states.ts';
import { validateParamSpecs, withGiven } from './validate-params.ts';
import { allTasks, validateReferences } from './validate-references.ts';
import { validateReference } from './validate-remote.ts';
import { validateTaskSpec, validateTimeout } from './validate-task.ts';
import { validateWhen } from './validate-when.ts';

export { firstProblem } from './problems.ts';

/** What Tekton's admission refuses of a pipeline. */
export function validatePipelineSpec(spec: PipelineSpec, limits?: Limits): Problem[] {
  const problems = new Problems(limits);
  if ('resources' in spec) problems.add(['resources'], 'must not set the field(s)');
  const finals = spec.finally ?? [];
  if (!spec.tasks?.length) {
    if (finals.length > 0)
      problems.invalid(['finally'], `spec.tasks is empty but spec.finally has ${finals.length} tasks`);
    else if (Object.values(spec).every((value) => Array.isArray(value) && value.length === 0))
      problems.add([], 'expected at least one, got none: description, params, resources, tasks, workspaces');
    return problems.found;
  }
  const seen = new Set<string>();
  for (const { task, path } of allTasks(spec)) {
    if (!isLabel(task.name ?? ''))
      problems.invalid(
        [...path, 'name'],
        `"${task.name ?? ''}"`,
        'Pipeline Task name must be a valid DNS Label',
      );
    if (seen.has(task.name))
      problems.add([...path, 'name'], `expected exactly one, got both: "${task.name}" is there twice`);
    seen.add(task.name);
    validatePipelineTask(problems, path, task);
  }
  try {
    buildGraph(spec.tasks);
  } catch (error) {
    problems.add(['tasks'], `invalid value: ${describeError(error)}`, { graph: true });
  }
  problems.below([], validateParamSpecs(spec.params));
  problems.duplicates(
    ['workspaces'],
    (spec.workspaces ?? []).map(({ name }) => name),
  );
  for (const [index, { name }] of (spec.workspaces ?? []).entries())
    if (!name) problems.invalid(['workspaces', index], `workspace ${index} has empty name`);
  validateReferences(problems, spec);
  return problems.found;
}

function validatePipelineTask(problems: Problems, path: Path, task: PipelineTask): void {
  const ways = ['taskRef', 'taskSpec', 'pipelineRef', 'pipelineSpec'] as const;
  const there = ways.filter((way) => task[way] !== undefined);
  if (there.length === 0) problems.add(path, 'expected exactly one, got neither: taskRef, taskSpec');
  if (there.length > 1) problems.add(path, `expected exactly one, got multiple: ${there.join(', ')}`);
  if ('resources' in task) problems.add([...path, 'resources'], 'must not set the field(s)');
  if (isCustom(task)) validateCustom(problems, path, task);
  else if (task.taskSpec) problems.below([...path, 'taskSpec'], validateTaskSpec(task.taskSpec));
  if (task.taskSpec?.steps?.length)
    for (const field of ['apiVersion', 'kind'] as const)
      if (task.taskSpec[field])
        problems.add(
          [...path, 'taskSpec', field],
          `taskSpec.${field} cannot be specified when using taskSpec.steps`,
        );
  for (const way of ['taskRef', 'pipelineRef'] as const) {
    const reference = task[way];
    if (reference && !isCustom(task)) validateReference(problems, [...path, way], reference);
  }
  // One that is empty is found when it is run, as on a cluster.
  if (task.pipelineSpec?.tasks?.length)
    problems.below([...path, 'pipelineSpec'], validatePipelineSpec(task.pipelineSpec, problems.limits));
  const { onError, retries = 0 } = task;
  if (onError && !onError.startsWith('$(params') && !['continue', 'stopAndFail'].includes(onError))
    problems.invalid(
      [...path, 'onError'],
      onError,
      'PipelineTask OnError must be either "continue" or "stopAndFail"',
    );
  if (onError === 'continue' && retries > 0)
    problems.add(
      [...path, 'onError'],
      'PipelineTask OnError cannot be set to "continue" when Retries is greater than 0',
    );
  if (task.timeout !== undefined) validateTimeout(problems, [...path, 'timeout'], task.timeout);
  problems.duplicates(
    [...path, 'params'],
    (task.params ?? []).map(({ name }) => name),
  );
  problems.below(path, validateWhen(task.when));
  validateMatrix(problems, [...path, 'matrix'], task);
  const names = new Set<string>();
  for (const [index, { name }] of (task.workspaces ?? []).entries()) {
    if (names.has(name))
      problems.add([...path, 'workspaces', index], `workspace name "${name}" must be unique`);
    names.add(name);
  }
  validatePrefixes(problems, path, task);
}

function validateCustom(problems: Problems, path: Path, { taskRef, taskSpec }: PipelineTask): void {
  const [field, value] = taskRef ? (['taskRef', taskRef] as const) : (['taskSpec', taskSpec!] as const);
  if (!value.kind)
    problems.invalid([...path, field, 'kind'], `custom task ${taskRef ? 'ref' : 'spec'} must specify kind`);
  if (!value.apiVersion)
    problems.invalid(
      [...path, field, 'apiVersion'],
      `custom task ${taskRef ? 'ref' : 'spec'} must specify apiVersion`,
    );
  else if (!/^[^/]+\/[^/]+$/.test(value.apiVersion))
    problems.invalid(
      [...path, field, 'apiVersion'],
      `invalid apiVersion format "${value.apiVersion}", must be in the format "group/version"`,
    );
}

function validateMatrix(problems: Problems, path: Path, task: PipelineTask): void {
  if (!task.matrix || !isMatrixed(task)) return;
  const { mostCombinations: most } = problems.limits;
  const count = countCombinations(task.matrix, most);
  if (count > most) problems.add(path, `expected 0 <= ${count} <= ${most}`);
  problems.duplicates(
    [...path, 'params'],
    (task.matrix.params ?? []).map(({ name }) => name),
  );
  for (const [index, { params }] of (task.matrix.include ?? []).entries())
    problems.duplicates(
      [...path, 'include', index, 'params'],
      (params ?? []).map(({ name }) => name),
    );
  const own = new Set((task.params ?? []).map(({ name }) => name));
  const all = [
    ...(task.matrix.params ?? []),
    ...(task.matrix.include ?? []).flatMap(({ params }) => params ?? []),
  ];
  for (const { name } of all)
    if (own.has(name)) problems.add(path, `expected exactly one, got both: matrix[${name}], params[${name}]`);
  for (const [index, { value }] of (task.matrix.params ?? []).entries())
    if (!Array.isArray(value) && !/^\$\(.*\)$/.test(String(value)))
      problems.invalid(
        [...path, 'params', index, 'value'],
        'parameters of type array only are allowed, but param has type string',
      );
}

const prefixes = new Set(['params', 'tasks', 'finally', 'context', 'workspaces', 'results']);

/** What a pipeline's params and matrices may use of `context`. */
const pipelineContext = new Set([
  'context.pipelineRun.name',
  'context.pipelineRun.namespace',
  'context.pipelineRun.uid',
  'context.pipeline.name',
  'context.pipelineTask.retries',
  'context.task.retry-count',
]);

function validatePrefixes(problems: Problems, path: Path, task: PipelineTask): void {
  const matrix = task.matrix ? [task.matrix] : [];
  const values = (task.params ?? []).map(({ value }) => ({ value }));
  const fields = { params: values, when: task.when ?? [], matrix };
  const nameless = /\$\(tasks\.\.[^()]*\)/.exec(JSON.stringify(fields))?.[0];
  if (nameless)
    problems.add(
      path,
      `invalid value: couldn't add link between ${task.name} and : ${nameless} names no task`,
    );
  for (const [field, items] of Object.entries(fields))
    for (const [index, item] of items.entries())
      for (const { name, text } of findReferences(item)) {
        const prefix = name.split('.')[0]!;
        if (prefix === 'context' && !pipelineContext.has(name) && field !== 'when')
          problems.add([...path, field], `non-existent variable in "${text}"`);
        else if (!prefixes.has(prefix))
          problems.invalid(
            field === 'matrix' ? [...path, field] : [...path, field, index],
            `invalid variable reference "${text}", must start with a valid prefix: params, tasks, finally, context, workspaces, or results; if you meant a shell variable, use \${VAR} instead`,
          );
      }
}

/** How the tasks of a pipeline use its params and workspaces, which is checked where both are at hand. */
export function validatePipelineUse(spec: PipelineSpec, given: readonly Param[] | undefined): Problem[] {
  const problems = new Problems();
  const known = knownParams(spec, given);
  const names = new Set(known.map(({ name }) => name));
  const workspaces = new Set((spec.workspaces ?? []).map(({ name }) => name));
  for (const { task, path, final } of allTasks(spec)) {
    // A run's own pipeline is held against what its tasks give one another, but for the last ones.
    if (task.taskSpec && !isCustom(task) && !(given && final))
      problems.below(
        [...path, 'taskSpec'],
        validateTaskSpec(task.taskSpec, [], known).filter(({ message }) =>
          /^(non-existent variable|variable )/.test(message),
        ),
      );
    const own = new Set(matrixed(task).map(({ name }) => name));
    for (const [field, items] of Object.entries({
      params: task.params ?? [],
      when: task.when ?? [],
      matrix: task.matrix?.params ?? [],
    }))
      for (const [index, item] of items.entries())
        for (const { name } of findReferences('value' in item ? item.value : item)) {
          const used = /^params\.(.+)$/.exec(name)?.[1];
          const there =
            used === undefined ||
            names.has(used) ||
            names.has(used.slice(0, Math.max(0, used.lastIndexOf('.')))) ||
            own.has(used);
          if (!there)
            problems.add(
              field === 'matrix' ? [...path, 'matrix', 'params', index] : [...path, field, index],
              `non-existent variable in "$(${name})"`,
            );
        }
    if (given) continue;
    for (const [index, { name, workspace }] of (task.workspaces ?? []).entries())
      if (!workspaces.has(workspace || name))
        problems.invalid(
          [...path, 'workspaces', index],
          `pipeline task "${task.name}" expects workspace with name "${workspace || name}" but none exists in pipeline spec`,
        );
  }
  return problems.found;
}

/** The params that tasks can use: the pipeline's, and in a run's own pipeline whatever the run and its tasks give. */
function knownParams(spec: PipelineSpec, given: readonly Param[] | undefined): ParamSpec[] {
  if (!given) return withGiven(spec.params);
  const inline = spec.tasks.flatMap(({ taskSpec }) => taskSpec?.params ?? []);
  const ofTasks = spec.tasks.flatMap(({ params }) => params ?? []);
  return withGiven([...(spec.params ?? []), ...inline], [...given, ...ofTasks]);
}

const matrixed = (task: PipelineTask): Param[] => [
  ...(task.matrix?.params ?? []).map(({ name }) => ({ name, value: '' })),
  ...(task.matrix?.include ?? []).flatMap(({ params }) =>
    (params ?? []).map(({ name }) => ({ name, value: '' })),
  ),
];
