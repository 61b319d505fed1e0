import type {
  KubernetesObject,
  Pipeline,
  PipelineRun,
  SourceDocument,
  StepAction,
  Task,
  TaskRun,
  WorkspaceBinding,
} from '@tagboat/api';
import { canonicalJson, invalid, parseDuration, type TagboatError } from '@tagboat/base';
import { settingsDenial } from './config-defaults.ts';
import { decodePipelineRunSpec, decodePipelineSpec, decodeTaskRunSpec, decodeTaskSpec } from './decode.ts';
import { goDuration, pipelineTimeouts } from './durations.ts';
import { type Limits, type Problem, Problems } from './problems.ts';
import { shapeProblems } from './shape-problems.ts';
import { validateParamSpecs } from './validate-params.ts';
import { validatePipelineSpec, validatePipelineUse } from './validate-pipeline.ts';
import { validateTaskSpec, validateTimeout } from './validate-task.ts';

/** What Tekton's admission refuses of an object of `tekton.dev`; nothing for other kinds. Paths start at the object's root. */
export function validateTekton(object: KubernetesObject, limits?: Limits): Problem[] {
  if (!object.apiVersion?.startsWith('tekton.dev/')) return [];
  const problems = new Problems(limits);
  if (object.spec === undefined || object.spec === null || typeof object.spec !== 'object') {
    problems.missing(['spec']);
    return problems.found;
  }
  problems.below(['spec'], shapeProblems(object.kind, object.spec));
  if (problems.found.length > 0) return problems.found;
  switch (object.kind) {
    case 'Task':
      problems.below(['spec'], validateTaskSpec(decodeTaskSpec((object as Task).spec!), []));
      break;
    case 'Pipeline': {
      const spec = decodePipelineSpec((object as Pipeline).spec!);
      problems.below(['spec'], validatePipelineSpec(spec, limits));
      if (problems.found.length === 0) problems.below(['spec'], validatePipelineUse(spec, undefined));
      break;
    }
    case 'TaskRun':
      validateTaskRun(problems, object as TaskRun);
      break;
    case 'PipelineRun':
      validatePipelineRun(problems, object as PipelineRun);
      break;
    case 'StepAction':
      validateStepAction(problems, object as StepAction);
      break;
    default:
      break;
  }
  return problems.found;
}

/** The first problem as an error that says where it stands in the text it came from, if the text is at hand. */
export function problemError(
  object: KubernetesObject,
  problem: Problem,
  document?: Pick<SourceDocument, 'locate'>,
): TagboatError {
  const name = object.metadata?.name ?? `${object.metadata?.generateName ?? ''}*`;
  return invalid(`${object.kind} ${name}: ${problem.message}: ${problem.field}`, {
    ...(document ? { location: document.locate(problem.path) } : {}),
  });
}

const webhook =
  'admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: ';

/** What Tekton's validating webhook answers where it denies a write; undefined where it allows it. */
export function tektonDenial(
  object: KubernetesObject,
  before?: KubernetesObject,
  limits?: Limits,
): string | undefined {
  const settings = settingsDenial(object);
  if (settings) return settings;
  if (!object.apiVersion?.startsWith('tekton.dev/')) return undefined;
  const update = before && updateProblem(object, before);
  if (update) return `${webhook}${update}`;
  // What is stored already was let in before: labels and status of it may change.
  if (before && canonicalJson(before.spec) === canonicalJson(object.spec)) return undefined;
  const problems = validateTekton(object, limits);
  return problems.length > 0
    ? `${webhook}${problems.map(({ message, field }) => `${message}: ${field}`).join('\n')}`
    : undefined;
}

/** A run that has started changes in nothing but how it is to be stopped. */
function updateProblem(object: KubernetesObject, before: KubernetesObject): string | undefined {
  if (object.kind !== 'PipelineRun' && object.kind !== 'TaskRun') return undefined;
  const status = (before as PipelineRun).status;
  const managedBy = (run: KubernetesObject) => (run.spec as { managedBy?: string } | undefined)?.managedBy;
  if (managedBy(object) !== managedBy(before)) return 'invalid value: managedBy is immutable: spec.managedBy';
  const same = (ignored: readonly string[]) => {
    const rest = (spec: unknown) =>
      canonicalJson(
        Object.fromEntries(Object.entries((spec ?? {}) as object).filter(([key]) => !ignored.includes(key))),
      );
    return rest(object.spec) === rest(before.spec);
  };
  if (status?.completionTime)
    return same([])
      ? undefined
      : `invalid value: Once the ${object.kind} is complete, no updates are allowed: spec`;
  const only = object.kind === 'TaskRun' ? 'status and statusMessage' : 'status';
  return same(['status', 'statusMessage'])
    ? undefined
    : `invalid value: Once the ${object.kind} has started, only ${only} updates are allowed: spec`;
}

function validateTaskRun(problems: Problems, run: TaskRun): void {
  const spec = decodeTaskRunSpec(run.spec);
  oneOf(problems, spec, ['taskRef', 'taskSpec']);
  if (spec.taskRef && !spec.taskRef.name && !spec.taskRef.resolver && !problems.limits.resolver)
    problems.missing(['spec', 'taskRef', 'name']);
  if (spec.taskSpec) problems.below(['spec', 'taskSpec'], validateTaskSpec(spec.taskSpec, spec.params ?? []));
  problems.duplicates(
    ['spec', 'params'],
    (spec.params ?? []).map(({ name }) => name),
  );
  validateBindings(problems, spec.workspaces);
  if (spec.status && spec.status !== 'TaskRunCancelled' && spec.status !== 'TaskRunPending')
    problems.invalid(['spec', 'status'], `${spec.status} should be TaskRunCancelled or TaskRunPending`);
  if (!spec.status && spec.statusMessage)
    problems.invalid(
      ['spec', 'statusMessage'],
      `statusMessage should not be set if status is not set, but it is currently set to ${spec.statusMessage}`,
    );
  if ((spec.retries ?? 0) < 0) problems.invalid(['spec', 'retries'], `${spec.retries} should be >= 0`);
  if (spec.timeout !== undefined) validateTimeout(problems, ['spec', 'timeout'], spec.timeout);
  if (spec.computeResources && spec.stepSpecs?.some(({ computeResources }) => computeResources))
    problems.add(
      ['spec', 'computeResources'],
      'expected exactly one, got both: stepSpecs.resources, computeResources',
    );
}

function validatePipelineRun(problems: Problems, run: PipelineRun): void {
  const spec = decodePipelineRunSpec(run.spec);
  oneOf(problems, spec, ['pipelineRef', 'pipelineSpec']);
  if (spec.pipelineRef && !spec.pipelineRef.name && !spec.pipelineRef.resolver && !problems.limits.resolver)
    problems.missing(['spec', 'pipelineRef', 'name']);
  if (spec.pipelineSpec) {
    const path = ['spec', 'pipelineSpec'];
    const found = validatePipelineSpec(spec.pipelineSpec, problems.limits);
    problems.below(path, found);
    if (found.length === 0) problems.below(path, validatePipelineUse(spec.pipelineSpec, spec.params ?? []));
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
  validateBindings(problems, spec.workspaces);
  validateTimeouts(problems, spec.timeouts);
  for (const [index, { timeout }] of (spec.taskRunSpecs ?? []).entries())
    if (timeout !== undefined) validateTimeout(problems, ['spec', 'taskRunSpecs', index, 'timeout'], timeout);
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

function validateBindings(problems: Problems, bindings: readonly WorkspaceBinding[] | undefined): void {
  problems.duplicates(
    ['spec', 'workspaces'],
    (bindings ?? []).map(({ name }) => name),
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

function validateStepAction(problems: Problems, action: StepAction): void {
  const spec = action.spec!;
  if (!spec.image) problems.missing(['spec', 'image']);
  if (spec.script && spec.command?.length)
    problems.add(['spec', 'script'], 'script cannot be used with command');
  problems.below(
    ['spec'],
    validateParamSpecs(
      spec.params?.map((param) => ({
        ...param,
        type: param.type ?? (param.properties ? 'object' : Array.isArray(param.default) ? 'array' : 'string'),
      })),
    ),
  );
}
