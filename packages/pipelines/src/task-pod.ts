import {
  type Container,
  type EnvVar,
  ownedBy,
  type ParamValue,
  type Pod,
  type PodStep,
  type PodSteps,
  podStepsAnnotation,
  type Step,
  type TaskRun,
  type TaskSpec,
  type Volume,
  type VolumeMount,
  type WorkspaceBinding,
} from '@tagboat/api';
import { invalid, parseDuration, shortened } from '@tagboat/base';
import { lookupIn, paramVariables, substitute } from './substitute.ts';

export const stepContainerName = (step: Step, index: number): string =>
  step.name ? `step-${step.name}` : `step-unnamed-${index}`;

/** The name of the pod of a TaskRun's nth attempt (0 is the first). */
export function podNameFor(taskRunName: string, attempt: number): string {
  return shortened(attempt === 0 ? `${taskRunName}-pod` : `${taskRunName}-pod-retry${attempt}`);
}

const internalMounts: readonly VolumeMount[] = [
  { name: 'tekton-internal-workspace', mountPath: '/workspace' },
  { name: 'tekton-internal-home', mountPath: '/tekton/home' },
  { name: 'tekton-internal-results', mountPath: '/tekton/results' },
  { name: 'tekton-internal-steps', mountPath: '/tekton/steps' },
];

/**
 * The pod of one attempt at a TaskRun, with Tekton's names, mounts and labels. The order of its steps stands in the
 * annotation that nodes read (`PodSteps`).
 * @throws `Invalid` when a workspace is missing or two steps share a name.
 */
export function podForTaskRun(taskRun: TaskRun, spec: TaskSpec, attempt: number): Pod {
  const task = substitute(spec, lookupIn(taskVariables(taskRun, spec, attempt)));
  const workspaces = bindWorkspaces(task, taskRun);
  const steps = task.steps.map((step, index) =>
    stepContainer({ step, index, task, taskRun, mounts: workspaces.mounts }),
  );
  refuseDuplicates(steps.map(({ container }) => container.name));
  const sidecars = (task.sidecars ?? []).map(({ script, computeResources, ...sidecar }) => ({
    ...sidecar,
    name: `sidecar-${sidecar.name}`,
    ...(script === undefined ? {} : { command: ['/bin/sh', '-c', script] }),
    resources: computeResources ?? {},
    volumeMounts: [...internalMounts, ...workspaces.mounts, ...(sidecar.volumeMounts ?? [])],
  }));
  const podSteps: PodSteps = {
    steps: steps.map(({ step }) => step),
    results: (task.results ?? []).map(({ name, type }) => ({ name, type: type ?? 'string' })),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podNameFor(taskRun.metadata.name, attempt),
      namespace: taskRun.metadata.namespace ?? '',
      labels: {
        ...taskRun.metadata.labels,
        'tekton.dev/taskRun': taskRun.metadata.name,
        'tekton.dev/taskRunUID': taskRun.metadata.uid ?? '',
        'app.kubernetes.io/managed-by': 'tekton-pipelines',
      },
      annotations: { ...taskRun.metadata.annotations, [podStepsAnnotation]: JSON.stringify(podSteps) },
      ownerReferences: [ownedBy(taskRun)],
    },
    spec: {
      ...taskRun.spec?.podTemplate,
      restartPolicy: 'Never',
      serviceAccountName: taskRun.spec?.serviceAccountName ?? 'default',
      containers: [...steps.map(({ container }) => container), ...sidecars],
      volumes: [
        ...internalMounts.map(({ name }) => ({ name, emptyDir: {} })),
        ...workspaces.volumes,
        ...(task.volumes ?? []),
        ...(taskRun.spec?.podTemplate?.volumes ?? []),
      ],
    },
  };
}

/** Everything that `$(...)` can mean inside a task except step results, which exist only once the step before has run. */
export function taskVariables(taskRun: TaskRun, spec: TaskSpec, attempt: number): Map<string, ParamValue> {
  const variables = paramVariables(spec.params, taskRun.spec?.params);
  const labels = taskRun.metadata.labels ?? {};
  const set = (name: string, value: string) => variables.set(name, value);
  set('context.taskRun.name', taskRun.metadata.name);
  set('context.taskRun.namespace', taskRun.metadata.namespace ?? '');
  set('context.taskRun.uid', taskRun.metadata.uid ?? '');
  set(
    'context.task.name',
    labels['tekton.dev/task'] ?? labels['tekton.dev/pipelineTask'] ?? taskRun.metadata.name,
  );
  set('context.task.retry-count', String(attempt));
  set('context.pipelineTask.retries', String(taskRun.spec?.retries ?? 0));
  set('credentials.path', '/tekton/creds');
  for (const { name } of spec.results ?? []) set(`results.${name}.path`, `/tekton/results/${name}`);
  for (const [index, step] of spec.steps.entries())
    set(
      `steps.${stepContainerName(step, index)}.exitCode.path`,
      `/tekton/steps/${stepContainerName(step, index)}/exitCode`,
    );
  const bound = new Map((taskRun.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  for (const workspace of spec.workspaces ?? []) {
    const binding = bound.get(workspace.name);
    set(`workspaces.${workspace.name}.bound`, String(binding !== undefined));
    set(
      `workspaces.${workspace.name}.path`,
      binding ? (workspace.mountPath ?? `/workspace/${workspace.name}`) : '',
    );
    set(`workspaces.${workspace.name}.claim`, binding?.persistentVolumeClaim?.claimName ?? '');
    set(`workspaces.${workspace.name}.volume`, binding ? volumeName(workspace.name) : '');
  }
  return variables;
}

interface StepInput {
  readonly step: Step;
  readonly index: number;
  readonly task: TaskSpec;
  readonly taskRun: TaskRun;
  readonly mounts: readonly VolumeMount[];
}

function stepContainer({ step, index, task, taskRun, mounts }: StepInput): {
  container: Container;
  step: PodStep;
} {
  const name = stepContainerName(step, index);
  const {
    script,
    timeout,
    onError,
    ref: _ref,
    params: _params,
    results,
    when,
    workspaces: _workspaces,
    computeResources,
    stdoutConfig,
    stderrConfig,
    ...rest
  } = step;
  const template = task.stepTemplate ?? {};
  const override = taskRun.spec?.stepSpecs?.find((spec) => spec.name === step.name)?.computeResources;
  const container: Container = {
    ...template,
    ...rest,
    name,
    env: mergeEnv(template.env, [{ name: 'HOME', value: '/tekton/home' }], step.env),
    workingDir: step.workingDir ?? template.workingDir ?? '/workspace',
    resources: override ?? computeResources ?? template.resources ?? {},
    volumeMounts: [
      ...internalMounts,
      ...mounts,
      ...(template.volumeMounts ?? []),
      ...(step.volumeMounts ?? []),
    ],
    terminationMessagePath: '/tekton/termination',
  };
  const own = lookupIn(
    new Map(
      (results ?? []).map((result) => [
        `step.results.${result.name}.path`,
        `/tekton/steps/${name}/results/${result.name}`,
      ]),
    ),
  );
  return {
    container: substitute(container, own),
    step: {
      container: name,
      ...(script === undefined ? {} : { script: substitute(withShebang(script), own) }),
      ...(onError === undefined ? {} : { onError }),
      ...(timeout === undefined ? {} : { timeoutMilliseconds: parseDuration(timeout) }),
      ...(results === undefined
        ? {}
        : { results: results.map((result) => ({ name: result.name, type: result.type ?? 'string' })) }),
      ...(when === undefined ? {} : { when }),
      ...(stdoutConfig === undefined ? {} : { stdoutPath: stdoutConfig.path }),
      ...(stderrConfig === undefined ? {} : { stderrPath: stderrConfig.path }),
    },
  };
}

/** Tekton docs, tasks.md "Running scripts within Steps". */
function withShebang(script: string): string {
  return script.startsWith('#!') ? script : `#!/bin/sh\nset -e\n${script}`;
}

function mergeEnv(...lists: (readonly EnvVar[] | undefined)[]): EnvVar[] {
  const merged = new Map<string, EnvVar>();
  for (const list of lists) for (const variable of list ?? []) merged.set(variable.name, variable);
  return [...merged.values()];
}

const volumeName = (workspace: string) => `ws-${workspace}`;

function bindWorkspaces(task: TaskSpec, taskRun: TaskRun): { mounts: VolumeMount[]; volumes: Volume[] } {
  const bindings = new Map((taskRun.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  const mounts: VolumeMount[] = [];
  const volumes: Volume[] = [];
  for (const { name, mountPath, readOnly, optional } of task.workspaces ?? []) {
    const binding = bindings.get(name);
    if (!binding) {
      if (optional) continue;
      throw invalid(
        `expected a workspace "${name}" for TaskRun ${taskRun.metadata.name}, found none of that name`,
        { hint: 'bind it under workspaces of the run' },
      );
    }
    mounts.push({
      name: volumeName(name),
      mountPath: mountPath ?? `/workspace/${name}`,
      ...(binding.subPath === undefined ? {} : { subPath: binding.subPath }),
      ...(readOnly ? { readOnly } : {}),
    });
    volumes.push({ name: volumeName(name), ...volumeSource(binding) });
  }
  return { mounts, volumes };
}

function volumeSource(binding: WorkspaceBinding): Omit<Volume, 'name'> {
  const { persistentVolumeClaim, configMap, secret, projected } = binding;
  if (persistentVolumeClaim) return { persistentVolumeClaim };
  if (configMap) return { configMap };
  if (secret) return { secret };
  if (projected) return { projected };
  return { emptyDir: {} };
}

function refuseDuplicates(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice)
    throw invalid(
      `expected every step to have a name of its own, found "${twice.replace(/^step-/, '')}" twice`,
    );
}
