import type { ParamValue, Step, TaskRun, TaskSpec } from '@tagboat/api';
import { workspacesUsedIn } from './children.ts';
import { type Lookup, lookupIn, paramVariables, substitute } from './substitute.ts';

export const stepContainerName = (step: Step, index: number): string =>
  step.name ? `step-${step.name}` : `step-unnamed-${index}`;

export const volumeOfWorkspace = (workspace: string) => `ws-${workspace}`;

/** The task with the paths that a step calls its own: of its results, and of its artifacts. */
export function withStepPaths(spec: TaskSpec): TaskSpec {
  const steps = spec.steps.map((step, index) => {
    const directory = `/tekton/steps/${stepContainerName(step, index)}`;
    const own = new Map([['step.artifacts.path', `${directory}/artifacts/provenance.json`]]);
    for (const { name } of step.results ?? [])
      for (const variable of [`step.results.${name}.path`, `results.${name}.path`])
        own.set(variable, `${directory}/results/${name}`);
    return substitute(step, lookupIn(own));
  });
  return { ...spec, steps };
}

/** The task's workspaces: those it declares, and those its inline steps use and the run binds. */
export function workspacesOf(spec: TaskSpec, taskRun: TaskRun): NonNullable<TaskSpec['workspaces']> {
  const declared = spec.workspaces ?? [];
  if (!taskRun.spec?.taskSpec) return declared;
  const names = new Set(declared.map(({ name }) => name));
  const bound = new Set((taskRun.spec.workspaces ?? []).map(({ name }) => name));
  const more = [...workspacesUsedIn(spec)].filter((name) => bound.has(name) && !names.has(name));
  return [...declared, ...more.map((name) => ({ name }))];
}

/** The params and context of a TaskRun, before its steps are known. */
export function paramsOfTaskRun(taskRun: TaskRun, spec: TaskSpec): Map<string, ParamValue> {
  const variables = paramVariables(spec.params, taskRun.spec?.params);
  for (const [name, value] of [...variables]) variables.set(`inputs.${name}`, value);
  const { labels = {}, name, namespace = '', uid = '' } = taskRun.metadata;
  variables.set('context.taskRun.name', name);
  variables.set('context.taskRun.namespace', namespace);
  variables.set('context.taskRun.uid', uid);
  variables.set('context.pipelineTask.retries', String(taskRun.spec?.retries ?? 0));
  variables.set(
    'context.task.name',
    taskRun.spec?.taskRef?.name ?? labels['tekton.dev/task'] ?? labels['tekton.dev/pipelineTask'] ?? name,
  );
  return variables;
}

/**
 * Everything that `$(...)` can mean inside a task, except step results and artifacts, which exist only once the step
 * before has run, and the retry count, which each attempt has of its own (Tekton docs, variables.md).
 */
export function taskLookup(taskRun: TaskRun, spec: TaskSpec): Lookup {
  const variables = paramsOfTaskRun(taskRun, spec);
  const set = (name: string, value: string) => variables.set(name, value);
  set('credentials.path', '/tekton/creds');
  set('artifacts.path', '/tekton/artifacts/provenance.json');
  for (const { name } of spec.results ?? []) set(`results.${name}.path`, `/tekton/results/${name}`);
  for (const [index, step] of spec.steps.entries()) {
    const container = stepContainerName(step, index);
    set(`steps.${container}.exitCode.path`, `/tekton/steps/${container}/exitCode`);
  }
  const bound = new Map((taskRun.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  for (const workspace of workspacesOf(spec, taskRun)) {
    const { name } = workspace;
    const binding = bound.get(name);
    set(`workspaces.${name}.bound`, String(binding !== undefined));
    set(`workspaces.${name}.path`, binding ? (workspace.mountPath ?? `/workspace/${name}`) : '');
    set(`workspaces.${name}.claim`, binding?.persistentVolumeClaim?.claimName ?? '');
    set(`workspaces.${name}.volume`, binding ? volumeOfWorkspace(name) : '');
  }
  return lookupIn(variables);
}
