import {
  type KubernetesObject,
  type Param,
  type ParamSpec,
  type ParamValue,
  type PipelineRunSpec,
  type PipelineSpec,
  type PipelineTask,
  type StepActionSpec,
  type TaskRunSpec,
  type TaskSpec,
  typeOfParam,
} from '@tagboat/api';
import { canonicalSpec } from './fields.ts';

/*
 * Objects come as people wrote them: field names in any case, older API versions, scalars of YAML where Tekton has
 * strings, types left out. Each function here gives what Tekton's own decoding and defaulting would.
 */

export function decodeTaskSpec(spec: TaskSpec): TaskSpec {
  return defaultTaskSpec(canonicalSpec('Task', spec));
}

export function decodePipelineSpec(spec: PipelineSpec): PipelineSpec {
  return defaultPipelineSpec(canonicalSpec('Pipeline', spec));
}

export function decodeStepAction(spec: StepActionSpec): StepActionSpec {
  const action = canonicalSpec('StepAction', spec);
  return { ...action, ...(action.params ? { params: action.params.map(defaultParamSpec) } : {}) };
}

interface OldTaskRunSpec extends TaskRunSpec {
  podTemplate?: TaskRunSpec['podTemplate'];
}

export function decodeTaskRunSpec(spec: TaskRunSpec | undefined): TaskRunSpec {
  const decoded: OldTaskRunSpec = canonicalSpec('TaskRun', spec ?? {});
  return {
    ...decoded,
    ...(decoded.taskSpec ? { taskSpec: defaultTaskSpec(decoded.taskSpec) } : {}),
    ...(decoded.params ? { params: decodeParams(decoded.params) } : {}),
  };
}

/** v1beta1 has service account, pod template and timeout at the top of a PipelineRun (Tekton docs, migrating-v1beta1-to-v1.md). */
interface OldPipelineRunSpec extends PipelineRunSpec {
  serviceAccountName?: string;
  podTemplate?: object;
  timeout?: string;
}
interface OldTaskSpecific {
  taskServiceAccountName?: string;
  taskPodTemplate?: object;
}

export function decodePipelineRunSpec(spec: PipelineRunSpec | undefined): PipelineRunSpec {
  const { serviceAccountName, podTemplate, timeout, ...decoded }: OldPipelineRunSpec = canonicalSpec(
    'PipelineRun',
    spec ?? {},
  );
  const template = {
    ...(serviceAccountName ? { serviceAccountName } : {}),
    ...(podTemplate ? { podTemplate } : {}),
    ...decoded.taskRunTemplate,
  };
  const specific = decoded.taskRunSpecs?.map((item) => {
    const { taskServiceAccountName, taskPodTemplate, ...rest } = item as typeof item & OldTaskSpecific;
    return {
      ...(taskServiceAccountName ? { serviceAccountName: taskServiceAccountName } : {}),
      ...(taskPodTemplate ? { podTemplate: taskPodTemplate } : {}),
      ...rest,
    };
  });
  return {
    ...decoded,
    ...(decoded.pipelineSpec ? { pipelineSpec: defaultPipelineSpec(decoded.pipelineSpec) } : {}),
    ...(decoded.params ? { params: decodeParams(decoded.params) } : {}),
    ...(Object.keys(template).length > 0 ? { taskRunTemplate: template } : {}),
    ...(specific ? { taskRunSpecs: specific } : {}),
    ...(timeout && !decoded.timeouts ? { timeouts: { pipeline: timeout } } : {}),
  };
}

/** Tekton takes a number or a truth value for a param as its text. */
export function decodeParamValue(value: unknown): ParamValue {
  if (Array.isArray(value)) return value.map(text);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, text(item)]));
  return text(value);
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);
}

function decodeParams(params: readonly Param[]): Param[] {
  return params.map((param) => ({ ...param, value: decodeParamValue(param.value) }));
}

/** A type that is not said follows from properties, else from the default value, else it is string. */
export const parameterType = (spec: ParamSpec): NonNullable<ParamSpec['type']> =>
  spec.type ||
  (spec.properties
    ? 'object'
    : typeOfParam(spec.default === undefined ? undefined : decodeParamValue(spec.default)));

function defaultParamSpec(spec: ParamSpec): ParamSpec {
  const fallback = spec.default === undefined ? undefined : decodeParamValue(spec.default);
  return {
    ...spec,
    type: parameterType(spec),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(spec.properties ? { properties: withTypes(spec.properties) } : {}),
  };
}

function withTypes(properties: Record<string, { type?: string } | null>): Record<string, { type: string }> {
  return Object.fromEntries(
    Object.entries(properties).map(([key, property]) => [key, { type: property?.type ?? 'string' }]),
  );
}

function defaultTaskSpec(spec: TaskSpec): TaskSpec {
  return {
    ...spec,
    ...(spec.params ? { params: spec.params.map(defaultParamSpec) } : {}),
    ...(spec.results
      ? {
          results: spec.results.map((result) => ({
            ...result,
            type: result.type ?? (result.properties ? 'object' : 'string'),
            ...(result.properties ? { properties: withTypes(result.properties) } : {}),
          })),
        }
      : {}),
    ...(spec.steps
      ? {
          steps: spec.steps.map((step) => ({
            ...step,
            ...(step.params ? { params: decodeParams(step.params) } : {}),
          })),
        }
      : {}),
  };
}

function defaultPipelineSpec(spec: PipelineSpec): PipelineSpec {
  return {
    ...spec,
    tasks: (spec.tasks ?? []).map(defaultPipelineTask),
    ...(spec.params ? { params: spec.params.map(defaultParamSpec) } : {}),
    ...(spec.finally ? { finally: spec.finally.map(defaultPipelineTask) } : {}),
  };
}

function defaultPipelineTask(task: PipelineTask): PipelineTask {
  return {
    ...task,
    ...(task.params ? { params: decodeParams(task.params) } : {}),
    ...(task.taskRef && !task.taskRef.kind && !task.taskRef.resolver && !isForeign(task.taskRef.apiVersion)
      ? { taskRef: { ...task.taskRef, kind: 'Task' } }
      : {}),
    ...(task.taskSpec
      ? { taskSpec: defaultTaskSpec(task.taskSpec) as PipelineTask['taskSpec'] & object }
      : {}),
    ...(task.pipelineSpec ? { pipelineSpec: defaultPipelineSpec(task.pipelineSpec) } : {}),
    ...(task.matrix
      ? {
          matrix: {
            ...task.matrix,
            ...(task.matrix.params ? { params: decodeParams(task.matrix.params) } : {}),
            ...(task.matrix.include
              ? {
                  include: task.matrix.include.map((include) => ({
                    ...include,
                    ...(include.params ? { params: decodeParams(include.params) } : {}),
                  })),
                }
              : {}),
          },
        }
      : {}),
  };
}

const decodedSpecs = new WeakMap<object, unknown>();

/** A run as the engine works with it: the stored object with its spec decoded, once for each spec that is stored. */
export function decodedRun<T extends KubernetesObject>(run: T, decode: (spec: T['spec']) => T['spec']): T {
  const spec = run.spec as object | undefined;
  if (spec === undefined || !Object.isFrozen(spec)) return { ...run, spec: decode(run.spec) };
  let decoded = decodedSpecs.get(spec) as T['spec'] | undefined;
  if (decoded === undefined) {
    decoded = decode(run.spec);
    decodedSpecs.set(spec, decoded);
  }
  return { ...run, spec: decoded };
}

/** Whether an API version is that of a custom task, whose kind nobody knows. */
const isForeign = (apiVersion: string | undefined) =>
  apiVersion !== undefined && apiVersion !== '' && !apiVersion.startsWith('tekton.dev/v1');
