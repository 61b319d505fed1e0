import { modelSchema } from './model-schema.ts';

/** What may stand at one place of a Tekton file, as far as an editor needs to know (tekton.dev/v1 API reference). */
export type Schema =
  | { readonly type: 'object'; readonly fields: Readonly<Record<string, Field>>; readonly open?: boolean }
  | { readonly type: 'list'; readonly of: () => Schema }
  | { readonly type: 'text' | 'number' | 'flag' | 'anything'; readonly options?: readonly string[] };

export interface Field {
  readonly schema: Schema;
  readonly about: string;
  readonly required?: boolean;
}

const text = (about: string, options?: readonly string[]): Field => ({
  about,
  schema: { type: 'text', ...(options ? { options } : {}) },
});
const number = (about: string): Field => ({ about, schema: { type: 'number' } });
const flag = (about: string): Field => ({ about, schema: { type: 'flag' } });
const anything = (about: string): Field => ({ about, schema: { type: 'anything' } });
const list = (about: string, of: () => Schema): Field => ({ about, schema: { type: 'list', of } });
const object = (about: string, fields: Readonly<Record<string, Field>>): Field => ({
  about,
  schema: { type: 'object', fields },
});
const required = (field: Field): Field => ({ ...field, required: true });
const texts = (about: string): Field => list(about, () => ({ type: 'text' }));
const map = (about: string): Field => ({ about, schema: { type: 'object', fields: {}, open: true } });

const shape = (fields: Readonly<Record<string, Field>>): Schema => ({ type: 'object', fields });

const metadata = object('Name, labels and annotations', {
  name: text('Unique in its namespace'),
  generateName: text('Beginning of a name that is made'),
  namespace: text('The project'),
  labels: map('Labels'),
  annotations: map('Annotations'),
});

const param = shape({
  name: required(text('Name of the param')),
  value: required(anything('Text, list or map; $(...) is replaced')),
});

const paramSpec = shape({
  name: required(text('Name of the param')),
  type: text('What kind of value', ['string', 'array', 'object']),
  description: text('For people'),
  default: anything('Value where none is given'),
  enum: texts('The values that are allowed'),
  properties: map('Keys of an object param'),
});

const resultSpec = shape({
  name: required(text('Name of the result')),
  type: text('What kind of value', ['string', 'array', 'object']),
  description: text('For people'),
  value: anything('Where it comes from'),
  properties: map('Keys of an object result'),
});

const when = shape({
  input: text('What is looked at; $(...) is replaced'),
  operator: text('in: one of the values; notin: none of them', ['in', 'notin']),
  values: texts('The values'),
  cel: text('An expression in CEL instead'),
});

const reference = (about: string): Field =>
  object(about, {
    name: text('Name in the cluster'),
    kind: text('Kind of what is named', ['Task', 'ClusterTask']),
    apiVersion: text('Version of the kind'),
    resolver: text('Where it comes from', ['git', 'hub', 'bundles', 'cluster', 'http']),
    params: list('Params of the resolver', () => param),
  });

const resources = object('CPU and memory', {
  requests: object('What it gets', {
    cpu: text('Cores, such as 500m or 2'),
    memory: text('Such as 512Mi or 2Gi'),
  }),
  limits: object('What it may use at most', { cpu: text('Cores'), memory: text('Memory') }),
});

const envVar = shape({
  name: required(text('Name of the variable')),
  value: text('Its value'),
  valueFrom: map('Where its value comes from'),
});

const step: Schema = shape({
  name: text('Name of the step'),
  displayName: text('For people'),
  image: text('Image it runs in'),
  script: text('A script; its first line may be a shebang'),
  command: texts('Command instead of a script'),
  args: texts('Arguments of the command'),
  workingDir: text('Directory it starts in'),
  env: list('Environment variables', () => envVar),
  envFrom: list('Environment from config maps and secrets', () => ({ type: 'anything' })),
  computeResources: resources,
  timeout: text('Such as 10m'),
  onError: text('What a failure means', ['stopAndFail', 'continue']),
  when: list('Runs only where all hold', () => when),
  ref: reference('A StepAction instead'),
  params: list('Params of the StepAction', () => param),
  results: list('Results of the step', () => resultSpec),
  workspaces: list('Workspaces of this step alone', () => ({ type: 'anything' })),
  volumeMounts: list('Volumes', () => ({ type: 'anything' })),
  volumeDevices: list('Devices', () => ({ type: 'anything' })),
  securityContext: map('Rights of the process'),
  imagePullPolicy: text('When to fetch the image', ['Always', 'IfNotPresent', 'Never']),
  stdoutConfig: map('Where standard output goes'),
  stderrConfig: map('Where standard error goes'),
  ports: list('Ports', () => ({ type: 'anything' })),
});

const workspaceDeclaration = shape({
  name: required(text('Name of the workspace')),
  description: text('For people'),
  mountPath: text('Where steps see it'),
  readOnly: flag('Steps may not write'),
  optional: flag('May be left out'),
});

const taskFields: Readonly<Record<string, Field>> = {
  displayName: text('For people'),
  description: text('For people'),
  params: list('Params', () => paramSpec),
  results: list('Results', () => resultSpec),
  workspaces: list('Workspaces', () => workspaceDeclaration),
  steps: required(list('What runs, one after the other', () => step)),
  stepTemplate: map('Defaults of all steps'),
  sidecars: list('What runs beside the steps', () => ({ type: 'anything' })),
  volumes: list('Volumes', () => ({ type: 'anything' })),
  metadata,
  apiVersion: text('Of a custom task'),
  kind: text('Of a custom task'),
  spec: anything('Of a custom task'),
};

const pipelineTask: Schema = shape({
  name: required(text('Unique in the pipeline')),
  displayName: text('For people'),
  description: text('For people'),
  taskRef: reference('The Task it runs'),
  taskSpec: object('The task itself', { ...taskFields, steps: { ...taskFields.steps!, required: false } }),
  pipelineRef: reference('A pipeline as a task'),
  pipelineSpec: map('A pipeline as a task'),
  params: list('Params of the task', () => param),
  when: list('Runs only where all hold', () => when),
  runAfter: texts('Tasks it waits for'),
  retries: number('How often it is tried again'),
  timeout: text('Such as 1h'),
  onError: text('What a failure means', ['stopAndFail', 'continue']),
  workspaces: list('Which workspace of the pipeline each of the task’s is', () =>
    shape({
      name: required(text('Of the task')),
      workspace: text('Of the pipeline'),
      subPath: text('Directory in it'),
    }),
  ),
  matrix: object('Once per combination of values', {
    params: list('Params with lists of values', () => param),
    include: list('Combinations of their own', () => ({ type: 'anything' })),
  }),
});

const pipelineFields: Readonly<Record<string, Field>> = {
  displayName: text('For people'),
  description: text('For people'),
  params: list('Params', () => paramSpec),
  workspaces: list('Workspaces', () => workspaceDeclaration),
  tasks: required(list('The tasks', () => pipelineTask)),
  finally: list('Tasks that run at the end, whatever happened', () => pipelineTask),
  results: list('Results of the pipeline', () => resultSpec),
};

const header = (kind: string): Readonly<Record<string, Field>> => ({
  apiVersion: required(text('Version', ['tekton.dev/v1'])),
  kind: required(text('Kind', [kind])),
  metadata: required(metadata),
});

const runFields: Readonly<Record<string, Field>> = {
  pipelineRef: reference('The pipeline it runs'),
  pipelineSpec: object('The pipeline itself', pipelineFields),
  params: list('Values', () => param),
  workspaces: list('What each workspace is', () => ({ type: 'anything' })),
  timeouts: object('Timeouts', {
    pipeline: text('Of all'),
    tasks: text('Of the tasks'),
    finally: text('Of the final tasks'),
  }),
  taskRunTemplate: map('For all of its tasks'),
  taskRunSpecs: list('For one of its tasks each', () =>
    shape({
      pipelineTaskName: required(text('Which task')),
      computeResources: resources,
      stepSpecs: list('Per step', () =>
        shape({ name: required(text('Which step')), computeResources: resources }),
      ),
      serviceAccountName: text('Service account'),
      podTemplate: map('Pod'),
      sidecarSpecs: list('Per sidecar', () => ({ type: 'anything' })),
      metadata,
    }),
  ),
  status: text('Asks it to stop', [
    'Cancelled',
    'CancelledRunFinally',
    'StoppedRunFinally',
    'PipelineRunPending',
  ]),
};

/** The kinds that the editor knows, by their name. */
export const schemas: Readonly<Record<string, Schema>> = {
  Pipeline: shape({ ...header('Pipeline'), spec: required(object('The pipeline', pipelineFields)) }),
  PipelineRun: shape({ ...header('PipelineRun'), spec: required(object('The run', runFields)) }),
  Model: modelSchema,
  Task: shape({ ...header('Task'), spec: required(object('The task', taskFields)) }),
};

/** What may stand at a path of keys and list positions; undefined where anything may. */
export function schemaAt(root: Schema, path: readonly (string | number)[]): Schema | undefined {
  let at: Schema | undefined = root;
  for (const part of path) {
    if (at?.type === 'list') at = at.of();
    if (typeof part === 'number') continue;
    at = at?.type === 'object' ? at.fields[part]?.schema : undefined;
  }
  return at;
}
