import type { Param, PipelineRun, PipelineSpec, PipelineTask, TaskSpec } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import {
  missingKeys,
  missingParams,
  mistypedParams,
  taskParamsProblem,
  wrongChoice,
  wrongIndexes,
} from './check-params.ts';

/** A run that can never work; `reason` is that of Tekton's condition. */
export function refused(reason: string, message: string): TagboatError {
  return new TagboatError(message, { reason, retryable: false });
}

/** A refusal whose cause is what the user wrote, which Tekton says in front of the message (docs, pipelineruns.md). */
export const refusedByUser = (reason: string, message: string): TagboatError =>
  refused(reason, `[User error] ${message}`);

/** Checks a run against its pipeline before anything starts. @throws a refusal with Tekton's reason and message */
export function checkPipelineRun(run: PipelineRun, spec: PipelineSpec, pipeline: string): void {
  const { name, namespace } = run.metadata;
  const given = run.spec?.params ?? [];
  const here = `PipelineRun ${namespace}/${name}`;
  const there = `Pipeline ${namespace}/${pipeline}`;
  const declared = spec.params ?? [];
  const missing = missingParams(declared, given);
  if (missing.length > 0)
    throw refusedByUser(
      'ParameterMissing',
      `${here} is missing some parameters required by ${there}: pipelineRun missing parameters: [${missing.join(' ')}]`,
    );
  const mistyped = mistypedParams(declared, given);
  if (mistyped.length > 0)
    throw refusedByUser(
      'ParameterTypeMismatch',
      `${here} parameters have mismatching types with ${there}'s parameters: parameters have inconsistent types : [${mistyped.join(' ')}]`,
    );
  const choice = wrongChoice(declared, given);
  if (choice) throw refusedByUser('InvalidParamValue', `${here} parameters have invalid value: ${choice}`);
  const keys = missingKeys(declared, given);
  if (keys)
    throw refusedByUser(
      'ObjectParameterMissKeys',
      `${here} parameters is missing object keys required by ${there}'s parameters: pipelineRun missing object keys for parameters: ${keys}`,
    );
  const indexes = wrongIndexes(declared, given, [...spec.tasks, ...(spec.finally ?? [])].map(indexed));
  if (indexes.length > 0)
    throw refusedByUser(
      'ParamArrayIndexingInvalid',
      `${here} failed validation: failed to validate ${there}'s parameter which has an invalid index while referring to an array: non-existent param references:[${indexes.join(' ')}]`,
    );
  checkWorkspaces(run, spec, pipeline);
}

/** The fields of a pipeline task in which its pipeline's arrays are used by their items. */
const indexed = ({ params, when, matrix, workspaces }: PipelineTask) => [
  params?.map(({ value }) => value),
  matrix?.params?.map(({ value }) => value),
  workspaces?.map(({ subPath }) => subPath),
  when?.map(({ input, values }) => [input, values]),
];

function checkWorkspaces(run: PipelineRun, spec: PipelineSpec, pipeline: string): void {
  const { name, namespace } = run.metadata;
  const bound = new Set((run.spec?.workspaces ?? []).map((binding) => binding.name));
  const unbound = (spec.workspaces ?? []).find(
    (workspace) => !workspace.optional && !bound.has(workspace.name),
  );
  if (unbound)
    throw refusedByUser(
      'InvalidWorkspaceBindings',
      `PipelineRun ${namespace}/${name} doesn't bind Pipeline ${namespace}/${pipeline}'s Workspaces correctly: pipeline requires workspace with name "${unbound.name}" be provided by pipelinerun`,
    );
  const tasks = new Set([...spec.tasks, ...(spec.finally ?? [])].map((task) => task.name));
  const unknown = run.spec?.taskRunSpecs?.find(({ pipelineTaskName }) => !tasks.has(pipelineTaskName));
  if (unknown)
    throw refusedByUser(
      'InvalidTaskRunSpecs',
      `PipelineRun ${namespace}/${name} doesn't define taskRunSpecs correctly: pipelineRun's taskrunSpecs defined wrong taskName: "${unknown.pipelineTaskName ?? ''}", does not exist in Pipeline`,
    );
}

/** Another controller looks after runs that name it (Tekton docs, "Delegating reconciliation"). */
export const isOurs = (spec: { managedBy?: string } | undefined): boolean =>
  !spec?.managedBy || spec.managedBy === 'tekton.dev/pipeline';

/** A TaskRun's task as it is checked. */
export interface CheckedTask {
  readonly name: string;
  readonly spec: TaskSpec;
  /** Whether the run holds the spec itself: then workspaces need not be declared. */
  readonly inline: boolean;
}

/** Checks a TaskRun's params and workspaces against its task. @throws a refusal with Tekton's reason and message */
export function checkTaskRun(
  { name, spec, inline }: CheckedTask,
  given: readonly Param[],
  bound: ReadonlySet<string>,
): void {
  const invalid = (message: string) => refusedByUser('TaskRunValidationFailed', message);
  const declared = spec.params ?? [];
  const problem = taskParamsProblem(declared, { task: name, params: given });
  if (problem) throw invalid(problem);
  const choice = wrongChoice(declared, given);
  if (choice) throw refusedByUser('InvalidParamValue', choice);
  const indexes = wrongIndexes(declared, given, spec);
  if (indexes.length > 0) throw invalid(`non-existent param references:[${indexes.join(' ')}]`);
  const workspaces = spec.workspaces ?? [];
  const unbound = workspaces.find((item) => !item.optional && !bound.has(item.name));
  if (unbound) throw invalid(`declared workspace "${unbound.name}" is required but has not been bound`);
  const unknown = [...bound].find((binding) => !workspaces.some((item) => item.name === binding));
  if (unknown !== undefined && !inline)
    throw invalid(`workspace binding "${unknown}" does not match any declared workspace`);
}
