import type { KubernetesObject, ParamSpec, PipelineSpec, TaskSpec } from '@tagboat/api';
import type { Defaults } from './config-defaults.ts';
import { parameterType } from './decode.ts';
import { goDuration } from './durations.ts';

type Fields = Record<string, unknown>;

/**
 * Fills in what Tekton's webhook fills in before an object is stored (its `SetDefaults`), so that clients read what they
 * would read on a cluster. Changes the object; fields that are written in another case are left as they are.
 */
export function fillTektonDefaults(object: KubernetesObject, defaults: Defaults): void {
  const { apiVersion = '', kind, spec } = object;
  if (!apiVersion.startsWith('tekton.dev/') || !isFields(spec)) return;
  if (kind === 'Task') fillTask(spec);
  if (kind === 'Pipeline') fillPipeline(spec);
  if (kind !== 'TaskRun' && kind !== 'PipelineRun') return;
  object.metadata.labels = {
    'app.kubernetes.io/managed-by': defaults.managedBy,
    ...object.metadata.labels,
  };
  if (kind === 'TaskRun') fillTaskRun(spec, defaults);
  else fillPipelineRun(spec, defaults, apiVersion);
}

function fillTaskRun(spec: Fields, defaults: Defaults): void {
  fill(spec, 'timeout', goDuration(defaults.timeout));
  fill(spec, 'serviceAccountName', defaults.serviceAccount);
  const { taskRef, taskSpec } = spec;
  if (isFields(taskRef) && taskRef.name && !taskRef.resolver) fill(taskRef, 'kind', 'Task');
  if (isFields(taskSpec)) fillTask(taskSpec);
}

function fillPipelineRun(spec: Fields, defaults: Defaults, apiVersion: string): void {
  const old = apiVersion === 'tekton.dev/v1beta1';
  const timeout = goDuration(defaults.timeout);
  if (old && !isFields(spec.timeouts)) fill(spec, 'timeout', timeout);
  else fill(fieldsAt(spec, 'timeouts'), 'pipeline', timeout);
  fill(old ? spec : fieldsAt(spec, 'taskRunTemplate'), 'serviceAccountName', defaults.serviceAccount);
  if (isFields(spec.pipelineSpec)) fillPipeline(spec.pipelineSpec);
}

function fillPipeline(spec: Fields): void {
  fillTypes((spec as Partial<PipelineSpec>).params);
  for (const list of [spec.tasks, spec.finally])
    for (const task of Array.isArray(list) ? (list as unknown[]) : []) {
      if (!isFields(task)) continue;
      const { taskRef, taskSpec, pipelineSpec } = task;
      if (isFields(taskRef) && taskRef.name && !taskRef.resolver && !taskRef.apiVersion)
        fill(taskRef, 'kind', 'Task');
      if (isFields(taskSpec)) fillTask(taskSpec);
      if (isFields(pipelineSpec)) fillPipeline(pipelineSpec);
    }
}

function fillTask(spec: Fields): void {
  const { params, results } = spec as Partial<TaskSpec>;
  fillTypes(params);
  fillTypes(results as ParamSpec[] | undefined);
}

/** Of params and of results, which have no default. */
function fillTypes(items: readonly ParamSpec[] | undefined): void {
  for (const item of Array.isArray(items) ? (items as unknown[]) : []) {
    if (!isFields(item)) continue;
    fill(item, 'type', parameterType(item as unknown as ParamSpec));
    if (isFields(item.properties))
      for (const [key, property] of Object.entries(item.properties))
        item.properties[key] = { type: 'string', ...(property as object | null) };
  }
}

const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** The key of a field, in whatever case it is written. */
const keyOf = (fields: Fields, name: string) =>
  Object.keys(fields).find((key) => key.toLowerCase() === name.toLowerCase());

function fill(fields: Fields, name: string, value: unknown): void {
  const key = keyOf(fields, name) ?? name;
  if (fields[key] === undefined || fields[key] === null || fields[key] === '') fields[key] = value;
}

function fieldsAt(fields: Fields, name: string): Fields {
  const key = keyOf(fields, name) ?? name;
  if (!isFields(fields[key])) fields[key] = {};
  return fields[key] as Fields;
}
