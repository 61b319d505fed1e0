import {
  type KubernetesObject,
  ownedBy,
  type Param,
  type PipelineRun,
  type PipelineTask,
  rerunOfAnnotation,
  type TaskSpec,
  type WorkspaceBinding,
} from '@tagboat/api';
import { deterministicName } from '@tagboat/base';
import { type Defaults, mergedTemplate } from './config-defaults.ts';
import { goDuration, pipelineTimeouts } from './durations.ts';
import { fanOut, isMatrixed } from './matrix.ts';
import { childNames } from './names.ts';
import { lookupIn, paramVariables, referencesIn, substitute } from './substitute.ts';
import { childKind } from './task-states.ts';

export interface ChildInput {
  readonly run: PipelineRun;
  readonly task: PipelineTask;
  readonly final: boolean;
  /** Of the Task that `taskRef` names: its metadata goes on to the TaskRun. */
  readonly referenced?: {
    name: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  /** The spec that will run, for optional workspaces. */
  readonly taskSpec?: TaskSpec;
  readonly defaults: Defaults;
}

/** The runs of one pipeline task: TaskRuns, a PipelineRun of a nested pipeline, or CustomRuns; several for a matrix. */
export function childrenOf(input: ChildInput): KubernetesObject[] {
  const { run, task } = input;
  const combinations = isMatrixed(task) ? fanOut(task.matrix!) : [[]];
  const count = isMatrixed(task) ? combinations.length : undefined;
  const names = childNames(run.metadata.name, task.name, count);
  const kind = childKind(task);
  const earlier = run.metadata.annotations?.[rerunOfAnnotation];
  // A nested run goes on from where the one in the earlier run failed.
  const goesOn = kind === 'PipelineRun' && earlier !== undefined && !input.final;
  const earlierNames = goesOn ? childNames(earlier, task.name, count) : [];
  return combinations.map((matrixParams, index) => {
    const params = [...matrixParams, ...(task.params ?? [])];
    const name = names[index]!;
    const metadata = {
      name,
      namespace: run.metadata.namespace ?? '',
      labels: kind === 'PipelineRun' ? nestedLabels(input, name) : labelsFor(input),
      annotations: {
        ...annotationsFor(input),
        ...(goesOn ? { [rerunOfAnnotation]: earlierNames[index]! } : {}),
      },
      ownerReferences: [ownedBy(run)],
    };
    if (kind === 'PipelineRun') return { ...nestedRun(input, params), metadata };
    if (kind === 'CustomRun') return { ...customRun(input, params), metadata };
    return { ...taskRun(input, params, matrixParams), metadata };
  });
}

const specificFor = ({ run, task }: ChildInput) =>
  run.spec?.taskRunSpecs?.find((candidate) => candidate.pipelineTaskName === task.name);

function taskRun(input: ChildInput, params: readonly Param[], matrixParams: readonly Param[]) {
  const { run, task } = input;
  const specific = substitute(specificFor(input), lookupIn(paramVariables([], matrixParams)));
  const template = run.spec?.taskRunTemplate;
  const { metadata: _m, apiVersion: _a, kind: _k, spec: _s, ...taskSpec } = task.taskSpec ?? { steps: [] };
  const podTemplate = mergedTemplate(specific?.podTemplate, template?.podTemplate);
  const workspaces = workspacesFor(input);
  const timeout = timeoutFor(input);
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    spec: {
      ...(task.taskRef ? { taskRef: task.taskRef } : { taskSpec }),
      ...(params.length > 0 ? { params } : {}),
      ...(workspaces.length > 0 ? { workspaces } : {}),
      ...(task.retries ? { retries: task.retries } : {}),
      ...(timeout === undefined ? {} : { timeout }),
      serviceAccountName:
        specific?.serviceAccountName ?? template?.serviceAccountName ?? input.defaults.serviceAccount,
      ...(podTemplate && Object.keys(podTemplate).length > 0 ? { podTemplate } : {}),
      ...(specific?.computeResources ? { computeResources: specific.computeResources } : {}),
      ...(specific?.stepSpecs ? { stepSpecs: specific.stepSpecs } : {}),
      ...(specific?.sidecarSpecs ? { sidecarSpecs: specific.sidecarSpecs } : {}),
    },
  };
}

function nestedRun(input: ChildInput, params: readonly Param[]) {
  const { run, task } = input;
  const workspaces = workspacesFor(input);
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    spec: {
      ...(task.pipelineRef ? { pipelineRef: task.pipelineRef } : { pipelineSpec: task.pipelineSpec }),
      ...(params.length > 0 ? { params } : {}),
      ...(workspaces.length > 0 ? { workspaces } : {}),
      ...(run.spec?.taskRunTemplate ? { taskRunTemplate: run.spec.taskRunTemplate } : {}),
    },
  };
}

function customRun(input: ChildInput, params: readonly Param[]) {
  const { run, task } = input;
  const { taskRef, taskSpec } = task;
  const timeout = timeoutFor(input) ?? goDuration(pipelineTimeouts(run.spec?.timeouts).pipeline);
  const workspaces = workspacesFor(input);
  const serviceAccountName =
    specificFor(input)?.serviceAccountName ?? run.spec?.taskRunTemplate?.serviceAccountName;
  return {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    spec: {
      ...(taskRef ? { customRef: taskRef } : {}),
      ...(taskSpec ? { customSpec: customSpecOf(taskSpec) } : {}),
      ...(params.length > 0 ? { params } : {}),
      ...(workspaces.length > 0 ? { workspaces } : {}),
      ...(serviceAccountName ? { serviceAccountName } : {}),
      ...(task.retries ? { retries: task.retries } : {}),
      timeout,
    },
  };
}

const customSpecOf = ({ apiVersion, kind, metadata, spec }: NonNullable<PipelineTask['taskSpec']>) => ({
  apiVersion,
  kind,
  ...(metadata ? { metadata } : {}),
  spec,
});

/** The first that says something about a key wins: `taskRunSpecs`, the run, the inline spec, then the Task. */
function labelsFor(input: ChildInput): Record<string, string> {
  const { run, task, final, referenced, defaults } = input;
  return {
    ...referenced?.labels,
    ...task.taskSpec?.metadata?.labels,
    ...run.metadata.labels,
    'app.kubernetes.io/managed-by': defaults.managedBy,
    'tekton.dev/pipelineRun': run.metadata.name,
    'tekton.dev/pipelineRunUID': run.metadata.uid ?? '',
    'tekton.dev/pipelineTask': task.name,
    'tekton.dev/memberOf': final ? 'finally' : 'tasks',
    ...(referenced && !task.taskRef?.resolver ? { 'tekton.dev/task': referenced.name } : {}),
    ...specificFor(input)?.metadata?.labels,
  };
}

/** A run of a pipeline in a pipeline has the name of its own one; one that is fetched gets it once that is known. */
function nestedLabels(input: ChildInput, name: string): Record<string, string> {
  const { 'tekton.dev/pipeline': _, ...labels } = labelsFor(input);
  const { pipelineRef } = input.task;
  return pipelineRef?.resolver ? labels : { ...labels, 'tekton.dev/pipeline': pipelineRef?.name ?? name };
}

const notInherited =
  /^(kubectl\.kubernetes\.io\/last-applied-configuration|tagboat\.dev\/(queue|priority|concurrency|cancel-superseded|rerun-of).*|(results|chains)\.tekton\.dev\/.*)$/;

function annotationsFor(input: ChildInput): Record<string, string> {
  const { run, task, referenced } = input;
  const own = Object.entries(run.metadata.annotations ?? {}).filter(([name]) => !notInherited.test(name));
  const others = Object.entries(referenced?.annotations ?? {}).filter(([name]) => !notInherited.test(name));
  return {
    ...Object.fromEntries(others),
    ...task.taskSpec?.metadata?.annotations,
    ...Object.fromEntries(own),
    ...specificFor(input)?.metadata?.annotations,
    ...(task.onError === 'continue' ? { 'pipeline.tekton.dev/pipeline-task-on-error': 'continue' } : {}),
  };
}

function timeoutFor(input: ChildInput): string | undefined {
  const { run, task, final } = input;
  const specific = specificFor(input)?.timeout ?? task.timeout;
  if (specific !== undefined) return specific;
  const limits = pipelineTimeouts(run.spec?.timeouts);
  const limit = final ? limits.finally : limits.tasks;
  if (limit === undefined) return undefined;
  return limit === 0 || limit > input.defaults.timeout ? goDuration(limit) : undefined;
}

/** The name of the claim that a run's `volumeClaimTemplate` becomes. */
export function claimName(owner: KubernetesObject, binding: WorkspaceBinding): string {
  return deterministicName(binding.volumeClaimTemplate?.metadata?.name ?? 'pvc', [
    owner.metadata.uid ?? '',
    binding.name,
  ]);
}

/** The workspaces that steps use by variables, whether declared or not: they come from the run by their names. */
export function workspacesUsedIn(spec: TaskSpec | undefined): Set<string> {
  const fields = [spec?.steps, spec?.stepTemplate, spec?.sidecars];
  return new Set(
    referencesIn(fields).flatMap(
      (name) => /^workspaces\.([\w.-]+?)\.(?:path|bound|claim|volume)$/.exec(name)?.[1] ?? [],
    ),
  );
}

function workspacesFor({ run, task }: ChildInput): WorkspaceBinding[] {
  const bindings = new Map((run.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  const wanted: { name: string; workspace?: string; subPath?: string }[] = [...(task.workspaces ?? [])];
  if (task.taskSpec)
    for (const name of workspacesUsedIn(task.taskSpec))
      if (bindings.has(name) && !wanted.some((item) => item.name === name)) wanted.push({ name });
  return wanted.flatMap(({ name, workspace = name, subPath }) => {
    const binding = bindings.get(workspace || name);
    if (!binding) return [];
    const path = [binding.subPath, subPath].filter(Boolean).join('/');
    const { volumeClaimTemplate, subPath: _, ...rest } = binding;
    const source = volumeClaimTemplate
      ? { persistentVolumeClaim: { claimName: claimName(run, binding) } }
      : rest;
    return [{ ...source, name, ...(path === '' ? {} : { subPath: path }) }];
  });
}

/** The workspace that a pipeline task needs and nobody binds; undefined where all is well, and where the pipeline in it says so itself. */
export function missingWorkspace({ run, task, taskSpec }: ChildInput): string | undefined {
  if (childKind(task) === 'PipelineRun') return undefined;
  const bound = new Set((run.spec?.workspaces ?? []).map(({ name }) => name));
  const wanted: { name: string; workspace?: string }[] = [...(task.workspaces ?? [])];
  for (const name of workspacesUsedIn(task.taskSpec))
    if (!wanted.some((item) => item.name === name)) wanted.push({ name });
  const missing = wanted.find(({ name, workspace }) => {
    const optional = taskSpec?.workspaces?.find((declared) => declared.name === name)?.optional;
    return !bound.has(workspace || name) && !optional;
  });
  return missing && (missing.workspace || missing.name);
}
