import {
  type Container,
  type EnvVar,
  ownedBy,
  type Pod,
  type PodStep,
  type PodSteps,
  podStepsAnnotation,
  type Sidecar,
  type Step,
  type TaskRun,
  type TaskSpec,
  type VolumeMount,
} from '@tagboat/api';
import { parseDuration } from '@tagboat/base';
import { type Defaults, resourcesFor } from './config-defaults.ts';
import { podNameFor } from './names.ts';
import { declaredReuse } from './reuse.ts';
import { lookupIn, substitute } from './substitute.ts';
import { breakpointsOf, debugMounts, debugVolumes, isDebugged } from './task-breakpoints.ts';
import { stepShare } from './task-resources.ts';
import { stepContainerName } from './task-variables.ts';
import { bindWorkspaces, mountsFor } from './task-volumes.ts';

const internalMounts: readonly VolumeMount[] = [
  { name: 'tekton-internal-workspace', mountPath: '/workspace' },
  { name: 'tekton-internal-home', mountPath: '/tekton/home' },
  { name: 'tekton-internal-results', mountPath: '/tekton/results' },
  { name: 'tekton-internal-steps', mountPath: '/tekton/steps', readOnly: true },
  { name: 'tekton-internal-artifacts', mountPath: '/tekton/artifacts' },
];

export interface PodInput {
  readonly taskRun: TaskRun;
  /** With everything replaced but step results and the retry count. */
  readonly spec: TaskSpec;
  /** 0 is the first. */
  readonly attempt: number;
  /** Names of the Secrets that git and registry clients shall use. */
  readonly credentials: readonly string[];
  readonly defaults: Defaults;
}

/**
 * The pod of one attempt at a TaskRun, with Tekton's names, mounts and labels. The order of its steps stands in the
 * annotation that nodes read (`PodSteps`).
 */
export function podForTaskRun(input: PodInput): Pod {
  const { taskRun, attempt, credentials, defaults } = input;
  const spec = substitute(input.spec, lookupIn(new Map([['context.task.retry-count', String(attempt)]])));
  const workspaces = bindWorkspaces(spec, taskRun);
  const steps = spec.steps.map((step, index) => stepContainer({ step, index, spec, taskRun }));
  const sidecars = (spec.sidecars ?? []).map((sidecar) => sidecarContainer(sidecar, spec, taskRun));
  // Who wants to look at a step wants it to run, and what somebody had a hand in is no outcome to keep.
  const reuse = isDebugged(taskRun) ? undefined : declaredReuse(taskRun, spec);
  const podSteps: PodSteps = {
    steps: steps.map(({ step }) => step),
    results: (spec.results ?? []).map(({ name, type }) => ({ name, type: type ?? 'string' })),
    sidecars: sidecars.flatMap(({ container, script }) =>
      script === undefined ? [] : [{ container: container.name, script }],
    ),
    ...(credentials.length > 0 ? { credentials } : {}),
    ...(defaults.imagePullTimeout > 0 ? { imagePullMilliseconds: defaults.imagePullTimeout } : {}),
    ...(reuse ? { reuse } : {}),
  };
  const { volumes: templateVolumes = [], env, ...template } = taskRun.spec?.podTemplate ?? {};
  const templateEnv = (env as EnvVar[] | undefined)?.filter(
    ({ name }) => !defaults.forbiddenEnv.includes(name),
  );
  const labels = taskRun.metadata.labels ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podNameFor(taskRun.metadata.name, attempt),
      namespace: taskRun.metadata.namespace ?? '',
      labels: {
        ...labels,
        'tekton.dev/taskRun': taskRun.metadata.name,
        'tekton.dev/taskRunUID': taskRun.metadata.uid ?? '',
        'app.kubernetes.io/managed-by': labels['app.kubernetes.io/managed-by'] ?? defaults.managedBy,
      },
      annotations: { ...taskRun.metadata.annotations, [podStepsAnnotation]: JSON.stringify(podSteps) },
      ownerReferences: [ownedBy(taskRun)],
    },
    spec: {
      ...template,
      restartPolicy: 'Never',
      serviceAccountName: taskRun.spec?.serviceAccountName ?? 'default',
      containers: [...steps, ...sidecars]
        .map(({ container }) => resourcesFor(container, defaults))
        .map((container) =>
          templateEnv ? { ...container, env: mergeEnv(templateEnv, container.env) } : container,
        ),
      volumes: [
        ...[...internalMounts, { name: 'tekton-internal-run' }, { name: 'tekton-creds' }].map(({ name }) => ({
          name,
          emptyDir: {},
        })),
        ...debugVolumes(taskRun),
        ...workspaces,
        ...(spec.volumes ?? []),
        ...templateVolumes,
      ],
    },
  };
}

interface StepInput {
  readonly step: Step;
  readonly index: number;
  readonly spec: TaskSpec;
  readonly taskRun: TaskRun;
}

function stepContainer({ step, index, spec, taskRun }: StepInput): { container: Container; step: PodStep } {
  const name = stepContainerName(step, index);
  const {
    script,
    timeout,
    onError,
    ref: _ref,
    params: _params,
    displayName: _displayName,
    results,
    when,
    workspaces: _workspaces,
    computeResources,
    stdoutConfig,
    stderrConfig,
    ...rest
  } = step;
  const { computeResources: templateResources, ...template } = (spec.stepTemplate ??
    {}) as Partial<Container> & {
    computeResources?: Container['resources'];
  };
  const override = taskRun.spec?.stepSpecs?.find(
    (candidate) => candidate.name === step.name,
  )?.computeResources;
  const container: Container = {
    ...template,
    ...rest,
    name,
    env: mergeEnv(template.env, step.env),
    workingDir: step.workingDir ?? template.workingDir ?? '',
    resources:
      stepShare(taskRun.spec?.computeResources, spec.steps?.length ?? 1) ??
      override ??
      computeResources ??
      (step as Container).resources ??
      templateResources ??
      template.resources ??
      {},
    volumeMounts: withInternal([
      ...mountsFor(step, spec, taskRun),
      ...mergeMounts(template.volumeMounts, step.volumeMounts),
      { name: 'tekton-creds', mountPath: '/tekton/creds', subPath: String(index) },
      { name: 'tekton-internal-run', mountPath: '/tekton/run', readOnly: true },
      { name: 'tekton-internal-run', mountPath: `/tekton/run/${index}`, subPath: String(index) },
      ...debugMounts(taskRun, index),
    ]),
    terminationMessagePath: '/tekton/termination',
  };
  if (container.workingDir === '') delete container.workingDir;
  const breakpoints = breakpointsOf(taskRun, step);
  return {
    container,
    step: {
      container: name,
      ...(script ? { script: withShebang(script) } : {}),
      ...(onError === undefined ? {} : { onError }),
      ...(timeout === undefined ? {} : { timeoutMilliseconds: parseDuration(timeout) }),
      ...(results === undefined
        ? {}
        : { results: results.map((result) => ({ name: result.name, type: result.type ?? 'string' })) }),
      ...(when?.length ? { when } : {}),
      ...(stdoutConfig === undefined ? {} : { stdoutPath: stdoutConfig.path }),
      ...(stderrConfig === undefined ? {} : { stderrPath: stderrConfig.path }),
      ...(breakpoints ? { breakpoints } : {}),
    },
  };
}

function sidecarContainer(
  sidecar: Sidecar,
  spec: TaskSpec,
  taskRun: TaskRun,
): { container: Container; script?: string } {
  const { script, computeResources, workspaces: _workspaces, ...rest } = sidecar;
  const override = taskRun.spec?.sidecarSpecs?.find((item) => item.name === sidecar.name)?.computeResources;
  return {
    container: {
      ...rest,
      name: `sidecar-${sidecar.name || 'unnamed'}`,
      resources: override ?? computeResources ?? {},
      volumeMounts: withInternal([
        ...mountsFor(sidecar, spec, taskRun),
        ...(sidecar.volumeMounts ?? []),
      ]).filter(({ name }) => name !== 'tekton-internal-steps'),
    },
    ...(script ? { script: withShebang(script) } : {}),
  };
}

/** What a step mounts itself at an internal path takes that path's place. Mounted twice at one path, the first counts. */
function withInternal(mounts: readonly VolumeMount[]): VolumeMount[] {
  const clean = (path: string) => (path.length > 1 ? path.replace(/\/+$/, '') : path);
  const byPath = new Map<string, VolumeMount>();
  for (const mount of [...mounts, ...internalMounts])
    if (!byPath.has(clean(mount.mountPath))) byPath.set(clean(mount.mountPath), mount);
  return [...byPath.values()];
}

/** Tekton docs, tasks.md "Running scripts within Steps". */
function withShebang(script: string): string {
  return script.trimStart().startsWith('#!') ? script.trimStart() : `#!/bin/sh\nset -e\n${script}`;
}

function mergeEnv(...lists: (readonly EnvVar[] | undefined)[]): EnvVar[] {
  const merged = new Map<string, EnvVar>();
  for (const list of lists) for (const variable of list ?? []) merged.set(variable.name, variable);
  return [...merged.values()];
}

/** Lists of mounts merge by path, as Kubernetes' strategic merge does. */
function mergeMounts(...lists: (readonly VolumeMount[] | undefined)[]): VolumeMount[] {
  const merged = new Map<string, VolumeMount>();
  for (const list of lists) for (const mount of list ?? []) merged.set(mount.mountPath, mount);
  return [...merged.values()];
}
