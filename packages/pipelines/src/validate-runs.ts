import type { EnvVar, PipelineRun, PodSpec, TaskRun, WorkspaceBinding } from '@tagboat/api';
import { parseDuration } from '@tagboat/base';
import { decodePipelineRunSpec, decodeTaskRunSpec } from './decode.ts';
import { goDuration, pipelineTimeouts } from './durations.ts';
import { canonicalSpec } from './fields.ts';
import type { Path, Problems } from './problems.ts';
import { validateGiven } from './validate-params.ts';
import { validatePipelineSpec, validatePipelineUse } from './validate-pipeline.ts';
import { validateReference } from './validate-remote.ts';
import { validateTaskSpec, validateTimeout } from './validate-task.ts';

/** What Tekton's admission refuses of a TaskRun. */
export function validateTaskRun(problems: Problems, run: TaskRun): void {
  const spec = decodeTaskRunSpec(run.spec);
  oneOf(problems, spec, ['taskRef', 'taskSpec']);
  if ('resources' in spec) problems.add(['spec', 'resources'], 'must not set the field(s)');
  if (spec.taskRef) validateReference(problems, ['spec', 'taskRef'], spec.taskRef);
  if (spec.taskSpec) {
    problems.below(['spec', 'taskSpec'], validateTaskSpec(spec.taskSpec, spec.params ?? []));
    const { params } = canonicalSpec('TaskRun', run.spec!);
    validateGiven(problems, ['spec', 'params'], { params, named: true });
  }
  problems.duplicates(
    ['spec', 'params'],
    // Their names are told apart whatever their case (Tekton's `ValidateParameters`).
    (spec.params ?? []).map(({ name }) => name?.toLowerCase()),
  );
  validateBindings(problems, spec.workspaces);
  validateForbidden(problems, ['spec', 'podTemplate'], spec.podTemplate);
  validateSpecifics(problems, ['spec'], spec);
  validateDebug(problems, spec);
  notPendingOnceStarted(problems, run);
  if (spec.status && spec.status !== 'TaskRunCancelled' && spec.status !== 'TaskRunPending')
    problems.invalid(['spec', 'status'], `${spec.status} should be TaskRunCancelled or TaskRunPending`);
  if (!spec.status && spec.statusMessage)
    problems.invalid(
      ['spec', 'statusMessage'],
      `statusMessage should not be set if status is not set, but it is currently set to ${spec.statusMessage}`,
    );
  if ((spec.retries ?? 0) < 0) problems.invalid(['spec', 'retries'], `${spec.retries} should be >= 0`);
  if (spec.timeout !== undefined) validateTimeout(problems, ['spec', 'timeout'], spec.timeout);
}

const pending = { TaskRun: 'TaskRunPending', PipelineRun: 'PipelineRunPending' };

function notPendingOnceStarted(problems: Problems, run: TaskRun | PipelineRun): void {
  const kind = run.kind as keyof typeof pending;
  if (run.status?.startTime && run.spec?.status === pending[kind])
    problems.invalid(['spec', 'status'], `${kind} cannot be Pending after it is started`);
}

/** Variables that the platform's settings keep pod templates from setting. */
function validateForbidden(problems: Problems, path: Path, template: Partial<PodSpec> | undefined): void {
  const forbidden = new Set(problems.limits.forbiddenEnv);
  for (const [index, { name }] of ((template?.env ?? []) as EnvVar[]).entries())
    if (forbidden.has(name))
      problems.invalid([...path, 'env', index], `PodTemplate cannot update a forbidden env: ${name}`);
}

interface Specifics {
  readonly computeResources?: object;
  readonly stepSpecs?: readonly { name?: string; computeResources?: object }[];
  readonly sidecarSpecs?: readonly { name?: string }[];
}

/** What a run says of single steps and sidecars. */
function validateSpecifics(problems: Problems, path: Path, spec: Specifics): void {
  for (const list of ['stepSpecs', 'sidecarSpecs'] as const) {
    const items = spec[list] ?? [];
    problems.duplicates(
      [...path, list],
      items.map(({ name }) => name),
    );
    for (const [index, { name }] of items.entries())
      if (!name) problems.missing([...path, list, index, 'name']);
  }
  const says = (resources: object | undefined) => Object.keys(resources ?? {}).length > 0;
  if (says(spec.computeResources) && spec.stepSpecs?.some((step) => says(step.computeResources)))
    problems.add(
      [...path, 'computeResources'],
      'expected exactly one, got both: stepSpecs.resources, computeResources',
    );
}

function validateDebug(problems: Problems, { debug }: NonNullable<TaskRun['spec']>): void {
  const { onFailure, beforeSteps = [] } = debug?.breakpoints ?? {};
  const path = ['spec', 'debug', 'breakpoints'];
  for (const [index, step] of beforeSteps.entries())
    if (beforeSteps.indexOf(step) !== index)
      problems.add(
        [...path, 'beforeSteps', index],
        `before step must be unique, the same step: ${step} is defined multiple times at`,
      );
  if (onFailure !== undefined && onFailure !== '' && onFailure !== 'enabled')
    problems.invalid(
      [...path, 'onFailure'],
      `${onFailure} is not a valid onFailure breakpoint value, onFailure breakpoint is only allowed to be set as enabled`,
    );
  else if (debug?.breakpoints && !onFailure)
    problems.invalid(
      [...path, 'onFailure'],
      'onFailure breakpoint is empty, it is only allowed to be set as enabled',
    );
}

/** What Tekton's admission refuses of a PipelineRun. */
export function validatePipelineRun(problems: Problems, run: PipelineRun): void {
  const spec = decodePipelineRunSpec(run.spec);
  oneOf(problems, spec, ['pipelineRef', 'pipelineSpec']);
  if ('resources' in spec) problems.add(['spec', 'resources'], 'must not set the field(s)');
  if (spec.pipelineRef) validateReference(problems, ['spec', 'pipelineRef'], spec.pipelineRef);
  if (spec.pipelineSpec) {
    const path = ['spec', 'pipelineSpec'];
    const found = validatePipelineSpec(spec.pipelineSpec, problems.limits);
    problems.below(path, found);
    if (found.length === 0) problems.below(path, validatePipelineUse(spec.pipelineSpec, spec.params ?? []));
    validateAllGiven(problems, run);
  }
  problems.duplicates(
    ['spec', 'params'],
    (spec.params ?? []).map(({ name }) => name),
  );
  for (const [index, { value }] of (spec.params ?? []).entries())
    if (/\$\(tasks\.[\w-]+\.results\./.test(JSON.stringify(value)))
      problems.invalid(
        ['spec', 'params', index, 'value'],
        'cannot use result expressions as PipelineRun parameter values',
      );
  const stopping = ['Cancelled', 'CancelledRunFinally', 'StoppedRunFinally', 'PipelineRunPending'];
  if (spec.status && !stopping.includes(spec.status))
    problems.invalid(
      ['spec', 'status'],
      `${spec.status} should be Cancelled, CancelledRunFinally, StoppedRunFinally or PipelineRunPending`,
    );
  validateBindings(
    problems,
    spec.workspaces,
    (name, before, index) =>
      `workspace "${name}" provided by pipelinerun more than once, at index ${before} and ${index}`,
  );
  validateTimeouts(problems, spec.timeouts);
  validateForbidden(problems, ['spec', 'taskRunTemplate', 'podTemplate'], spec.taskRunTemplate?.podTemplate);
  notPendingOnceStarted(problems, run);
  for (const [index, specific] of (spec.taskRunSpecs ?? []).entries()) {
    const path = ['spec', 'taskRunSpecs', index];
    validateSpecifics(problems, path, specific);
    validateForbidden(problems, [...path, 'podTemplate'], specific.podTemplate);
    validateSpecificTimeout(problems, [...path, 'timeout'], { run: spec, timeout: specific.timeout });
  }
}

/** The params of a run with a pipeline of its own, and those that its tasks hand on. */
function validateAllGiven(problems: Problems, run: PipelineRun): void {
  const { params, pipelineSpec } = canonicalSpec('PipelineRun', run.spec!);
  const tasks = pipelineSpec?.tasks ?? [];
  const named = tasks.some(({ taskSpec }) => taskSpec?.steps);
  validateGiven(problems, ['spec', 'params'], { params, named });
  for (const [index, task] of tasks.entries())
    validateGiven(problems, ['spec', 'pipelineSpec', 'tasks', index, 'params'], {
      params: task.params,
      named,
    });
}

/** A task's own limit is within that of its run. */
function validateSpecificTimeout(
  problems: Problems,
  path: Path,
  { run, timeout }: { run: NonNullable<PipelineRun['spec']>; timeout: string | undefined },
): void {
  if (timeout === undefined || timeout.includes('$(')) return;
  const before = problems.found.length;
  validateTimeout(problems, path, timeout);
  if (problems.found.length > before) return;
  const value = parseDuration(timeout);
  const { pipeline, tasks } = pipelineTimeouts(run.timeouts);
  const limits = [
    { name: 'pipeline tasks', limit: run.timeouts?.tasks === undefined ? 0 : (tasks ?? 0) },
    { name: run.timeouts?.pipeline === undefined ? 'default pipeline' : 'pipeline', limit: pipeline },
  ];
  const exceeded = limits.find(({ limit }) => limit > 0 && value > limit);
  if (exceeded)
    problems.invalid(
      path,
      `${goDuration(value)} should be <= ${exceeded.name} duration ${goDuration(exceeded.limit)}`,
    );
}

function oneOf(problems: Problems, spec: object, [a, b]: [string, string]): void {
  const [first, second] = [a in spec, b in spec];
  if (!first && !second) problems.add(['spec'], `expected exactly one, got neither: spec.${a}, spec.${b}`);
  if (first && second) problems.add(['spec'], `expected exactly one, got both: spec.${a}, spec.${b}`);
}

const sources = [
  'volumeClaimTemplate',
  'persistentVolumeClaim',
  'emptyDir',
  'configMap',
  'secret',
  'projected',
  'csi',
] as const;

function validateBindings(
  problems: Problems,
  bindings: readonly WorkspaceBinding[] | undefined,
  twice?: (name: string, before: number, index: number) => string,
): void {
  problems.duplicates(
    ['spec', 'workspaces'],
    (bindings ?? []).map(({ name }) => name),
    twice,
  );
  for (const [index, binding] of (bindings ?? []).entries()) {
    const path = ['spec', 'workspaces', index];
    const there = sources.filter((source) => binding[source] !== undefined);
    const listed = 'persistentvolumeclaim, volumeclaimtemplate, emptydir, configmap, secret';
    if (there.length === 0) problems.add(path, `expected exactly one, got neither: ${listed}`);
    if (there.length > 1) problems.add(path, `expected exactly one, got both: ${there.join(', ')}`);
    if (binding.persistentVolumeClaim && !binding.persistentVolumeClaim.claimName)
      problems.missing([...path, 'persistentVolumeClaim', 'claimName']);
    if (binding.configMap && !binding.configMap.name) problems.missing([...path, 'configMap', 'name']);
    if (binding.secret && !binding.secret.secretName) problems.missing([...path, 'secret', 'secretName']);
    if (binding.projected && !binding.projected.sources?.length)
      problems.missing([...path, 'projected', 'sources']);
  }
}

function validateTimeouts(problems: Problems, timeouts: NonNullable<PipelineRun['spec']>['timeouts']): void {
  if (!timeouts) return;
  const path = ['spec', 'timeouts'];
  const before = problems.found.length;
  for (const [name, value] of Object.entries(timeouts))
    validateTimeout(problems, [...path, name], String(value));
  if (problems.found.length > before) return;
  const { pipeline } = pipelineTimeouts(timeouts);
  const said =
    timeouts.pipeline === undefined
      ? 'should be <= default timeout duration'
      : 'should be <= pipeline duration';
  const parts = { tasks: timeouts.tasks, finally: timeouts.finally };
  let sum = 0;
  for (const [name, text] of Object.entries(parts)) {
    if (text === undefined) continue;
    const value = parseDuration(String(text));
    sum += value;
    if (pipeline !== 0 && (value > pipeline || value === 0))
      problems.invalid([...path, name], `${goDuration(value)}${value === 0 ? ' (no timeout)' : ''} ${said}`);
  }
  if (parts.tasks !== undefined && parts.finally !== undefined && pipeline !== 0 && sum > pipeline)
    problems.invalid(
      [...path, 'tasks'],
      `${goDuration(parseDuration(String(parts.tasks)))} + ${goDuration(parseDuration(String(parts.finally)))} ${said}`,
    );
}
