import {
  type Param,
  type ParamSpec,
  type PipelineRun,
  type PipelineSpec,
  type TaskSpec,
  typeOfParam,
} from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { findReferences } from './substitute.ts';

/** A run that can never work; `reason` is that of Tekton's condition. */
export function refused(reason: string, message: string): TagboatError {
  return new TagboatError(message, { reason, retryable: false });
}

/** Checks a run against its pipeline before anything starts. @throws a refusal with Tekton's reason and message */
export function checkPipelineRun(run: PipelineRun, spec: PipelineSpec, pipeline: string): void {
  const { name, namespace } = run.metadata;
  const given = run.spec?.params ?? [];
  const here = `PipelineRun ${namespace}/${name}`;
  const there = `Pipeline ${namespace}/${pipeline}`;
  const declared = spec.params ?? [];
  const missing = missingParams(declared, given);
  if (missing.length > 0)
    throw refused(
      'ParameterMissing',
      `${here} is missing some parameters required by ${there}: pipelineRun missing parameters: [${missing.join(' ')}]`,
    );
  const mistyped = mistypedParams(declared, given);
  if (mistyped.length > 0)
    throw refused(
      'ParameterTypeMismatch',
      `${here} parameters have mismatching types with ${there}'s parameters: parameters have inconsistent types : [${mistyped.join(' ')}]`,
    );
  const choice = wrongChoice(declared, given);
  if (choice) throw refused('InvalidParamValue', `${here} parameters have invalid value: ${choice}`);
  const keys = missingKeys(declared, given);
  if (keys)
    throw refused(
      'ObjectParameterMissKeys',
      `${here} parameters is missing object keys required by ${there}'s parameters: ${keys}`,
    );
  const index = wrongIndex(declared, given, [...spec.tasks, ...(spec.finally ?? [])]);
  if (index)
    throw refused(
      'ParamArrayIndexingInvalid',
      `${here} failed validation: failed to validate ${there}'s parameter which has an invalid index while referring to an array: ${index}`,
    );
  checkWorkspaces(run, spec, pipeline);
}

function checkWorkspaces(run: PipelineRun, spec: PipelineSpec, pipeline: string): void {
  const { name, namespace } = run.metadata;
  const bound = new Set((run.spec?.workspaces ?? []).map((binding) => binding.name));
  const unbound = (spec.workspaces ?? []).find(
    (workspace) => !workspace.optional && !bound.has(workspace.name),
  );
  if (unbound)
    throw refused(
      'InvalidWorkspaceBindings',
      `PipelineRun ${namespace}/${name} doesn't bind Pipeline ${namespace}/${pipeline}'s Workspaces correctly: pipeline requires workspace with name "${unbound.name}" be provided by pipelinerun`,
    );
  const tasks = new Set([...spec.tasks, ...(spec.finally ?? [])].map((task) => task.name));
  const unknown = run.spec?.taskRunSpecs?.find(({ pipelineTaskName }) => !tasks.has(pipelineTaskName));
  if (unknown)
    throw refused(
      'InvalidTaskRunSpecs',
      `PipelineRun ${namespace}/${name} doesn't define taskRunSpecs correctly: pipelineRun's taskrunSpecs defined wrong taskName: "${unknown.pipelineTaskName}", does not exist in Pipeline`,
    );
}

/** Another controller looks after runs that name it (Tekton docs, "Delegating reconciliation"). */
export const isOurs = (spec: { managedBy?: string } | undefined): boolean =>
  !spec?.managedBy || spec.managedBy === 'tekton.dev/pipeline';

/** Checks a TaskRun's params and workspaces against its task. @throws a refusal with Tekton's reason and message */
export function checkTaskRun(spec: TaskSpec, given: readonly Param[], bound: ReadonlySet<string>): void {
  const declared = spec.params ?? [];
  const missing = missingParams(declared, given);
  if (missing.length > 0)
    throw refused(
      'TaskRunValidationFailed',
      `invalid input params for task: missing values for these params which have no default values: [${missing.join(' ')}]`,
    );
  const mistyped = mistypedParams(declared, given);
  if (mistyped.length > 0)
    throw refused(
      'TaskRunValidationFailed',
      `invalid input params for task: param types don't match the user-specified type: [${mistyped.join(' ')}]`,
    );
  const keys = missingKeys(declared, given);
  if (keys)
    throw refused(
      'TaskRunValidationFailed',
      `invalid input params for task: missing keys for these params which are required in ParamSpec's properties ${keys}`,
    );
  const choice = wrongChoice(declared, given);
  if (choice) throw refused('InvalidParamValue', choice);
  const index = wrongIndex(declared, given, spec);
  if (index) throw refused('TaskRunValidationFailed', `non-existent param references:[${index}]`);
  const unbound = (spec.workspaces ?? []).find(({ name, optional }) => !optional && !bound.has(name));
  if (unbound)
    throw refused(
      'TaskRunValidationFailed',
      `declared workspace "${unbound.name}" is required but has not been bound`,
    );
}

function missingParams(declared: readonly ParamSpec[], given: readonly Param[]): string[] {
  const names = new Set(given.map(({ name }) => name));
  return declared
    .filter((spec) => spec.default === undefined && !names.has(spec.name))
    .map(({ name }) => name);
}

function mistypedParams(declared: readonly ParamSpec[], given: readonly Param[]): string[] {
  const types = new Map(declared.map((spec) => [spec.name, spec.type ?? 'string']));
  return given
    .filter(({ name, value }) => {
      const wanted = types.get(name);
      // What is still a reference has no type of its own yet.
      if (wanted === undefined || (typeof value === 'string' && /^\$\(.*\[\*\]\)$/.test(value))) return false;
      return typeOfParam(value) !== wanted;
    })
    .map(({ name }) => name);
}

function wrongChoice(declared: readonly ParamSpec[], given: readonly Param[]): string | undefined {
  const values = new Map(given.map(({ name, value }) => [name, value]));
  for (const { name, enum: allowed, default: fallback } of declared) {
    if (!allowed?.length) continue;
    const value = values.get(name) ?? fallback;
    if (typeof value !== 'string' || !allowed.includes(value))
      return `param \`${name}\` value: ${String(value)} is not in the enum list [${allowed.join(' ')}]`;
  }
  return undefined;
}

function missingKeys(declared: readonly ParamSpec[], given: readonly Param[]): string | undefined {
  const values = new Map(given.map(({ name, value }) => [name, value]));
  for (const { name, type, properties, default: fallback } of declared) {
    if (type !== 'object' || !properties) continue;
    const there = new Set([...keysOf(fallback), ...keysOf(values.get(name))]);
    const missing = Object.keys(properties).filter((key) => !there.has(key));
    if (missing.length > 0) return `map[${name}:[${missing.join(' ')}]]`;
  }
  return undefined;
}

const keysOf = (value: unknown) => (value !== null && typeof value === 'object' ? Object.keys(value) : []);

function wrongIndex(
  declared: readonly ParamSpec[],
  given: readonly Param[],
  used: unknown,
): string | undefined {
  const lists = new Map<string, number>();
  for (const { name, default: fallback } of declared)
    if (Array.isArray(fallback)) lists.set(name, fallback.length);
  for (const { name, value } of given) if (Array.isArray(value)) lists.set(name, value.length);
  const wrong = findReferences(used).filter(({ name, index }) => {
    if (!name.startsWith('params.') || index === undefined || index === '*') return false;
    const length = lists.get(name.slice('params.'.length));
    return length !== undefined && Number(index) >= length;
  });
  return wrong.length > 0 ? [...new Set(wrong.map(({ text }) => text))].join(' ') : undefined;
}
