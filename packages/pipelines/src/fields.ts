/** The fields of Tekton's objects, so that names can be matched whatever their case, as Go's JSON decoding does. */
export type Shape = { readonly [field: string]: Shape | null | (() => Shape) };

const named: Shape = { name: null, value: null };
const reference: Shape = {
  name: null,
  kind: null,
  apiVersion: null,
  resolver: null,
  params: named,
  bundle: null,
};
const when: Shape = { input: null, operator: null, values: null, cel: null };
const result: Shape = { name: null, type: null, description: null, properties: null, value: null };
const paramSpec: Shape = {
  name: null,
  type: null,
  description: null,
  default: null,
  enum: null,
  properties: null,
};
const mount: Shape = { name: null, mountPath: null, subPath: null, readOnly: null };
const resources: Shape = { requests: null, limits: null };
const container: Shape = {
  name: null,
  image: null,
  command: null,
  args: null,
  workingDir: null,
  env: { name: null, value: null, valueFrom: null },
  envFrom: { prefix: null, secretRef: null, configMapRef: null },
  volumeMounts: mount,
  imagePullPolicy: null,
  securityContext: null,
  resources,
  computeResources: resources,
  ports: null,
  readinessProbe: null,
  livenessProbe: null,
  startupProbe: null,
};
const usage: Shape = { name: null, mountPath: null };
const step: Shape = {
  ...container,
  displayName: null,
  script: null,
  timeout: null,
  onError: null,
  ref: reference,
  params: named,
  results: result,
  when,
  workspaces: usage,
  stdoutConfig: { path: null },
  stderrConfig: { path: null },
};
const taskSpec: Shape = {
  displayName: null,
  description: null,
  params: paramSpec,
  results: result,
  steps: step,
  stepTemplate: container,
  sidecars: { ...container, script: null, workspaces: usage },
  volumes: null,
  workspaces: { name: null, description: null, mountPath: null, readOnly: null, optional: null },
};
const binding: Shape = {
  name: null,
  subPath: null,
  emptyDir: null,
  persistentVolumeClaim: { claimName: null, readOnly: null },
  volumeClaimTemplate: null,
  configMap: { name: null, items: null, optional: null, defaultMode: null },
  secret: { secretName: null, items: null, optional: null, defaultMode: null },
  projected: { sources: null, defaultMode: null },
  csi: null,
};
const pipelineTask: Shape = {
  name: null,
  displayName: null,
  description: null,
  taskRef: reference,
  taskSpec: { ...taskSpec, metadata: null, apiVersion: null, kind: null, spec: null },
  pipelineRef: reference,
  pipelineSpec: () => pipelineSpec,
  params: named,
  when,
  runAfter: null,
  retries: null,
  timeout: null,
  onError: null,
  workspaces: { name: null, workspace: null, subPath: null },
  matrix: { params: named, include: { name: null, params: named } },
};
const pipelineSpec: Shape = {
  displayName: null,
  description: null,
  params: paramSpec,
  workspaces: { name: null, description: null, optional: null },
  tasks: pipelineTask,
  finally: pipelineTask,
  results: result,
};
const specific: Shape = { name: null, computeResources: resources };
const runFields: Shape = {
  params: named,
  workspaces: binding,
  serviceAccountName: null,
  podTemplate: null,
  timeout: null,
  status: null,
  managedBy: null,
};
const taskRunSpec: Shape = {
  ...runFields,
  taskRef: reference,
  taskSpec,
  retries: null,
  statusMessage: null,
  debug: null,
  computeResources: resources,
  stepSpecs: specific,
  sidecarSpecs: specific,
};
const pipelineRunSpec: Shape = {
  ...runFields,
  pipelineRef: reference,
  pipelineSpec,
  timeouts: { pipeline: null, tasks: null, finally: null },
  taskRunTemplate: { serviceAccountName: null, podTemplate: null },
  taskRunSpecs: {
    pipelineTaskName: null,
    timeout: null,
    serviceAccountName: null,
    podTemplate: null,
    computeResources: resources,
    stepSpecs: specific,
    sidecarSpecs: specific,
    metadata: null,
  },
};
const stepActionSpec: Shape = { ...step, description: null, params: paramSpec };

export const shapes = {
  Task: taskSpec,
  Pipeline: pipelineSpec,
  TaskRun: taskRunSpec,
  PipelineRun: pipelineRunSpec,
  StepAction: stepActionSpec,
} as const;

export type SpecKind = keyof typeof shapes;

/** A spec with its field names as Tekton writes them; `null` fields are left out. What is not a known field stays as it is. */
export function canonicalSpec<T>(kind: SpecKind, spec: T): T {
  return canonical(spec, shapes[kind]) as T;
}

const lowerCase = new WeakMap<Shape, ReadonlyMap<string, string>>();

/** The field names of a shape by their lower-case form. */
export function namesOf(shape: Shape): ReadonlyMap<string, string> {
  let names = lowerCase.get(shape);
  if (!names) {
    names = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
    lowerCase.set(shape, names);
  }
  return names;
}

function canonical(value: unknown, shape: Shape | null | (() => Shape)): unknown {
  if (shape === null) return value;
  const fields = typeof shape === 'function' ? (shape as () => Shape)() : shape;
  if (Array.isArray(value)) return value.map((item) => canonical(item, fields));
  if (value === null || typeof value !== 'object') return value;
  const names = namesOf(fields);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) continue;
    const name = key in fields ? key : (names.get(key.toLowerCase()) ?? key);
    result[name] = name in fields ? canonical(item, fields[name]!) : item;
  }
  return result;
}
