import type {
  Param,
  PersistentVolumeClaim,
  Pipeline,
  PipelineRunSpec,
  PipelineSpec,
  PipelineTask,
  Task,
} from '@tagboat/api';
import type { ModelSpec } from './model-spec.ts';
import { builtInTask, type TaskName } from './tasks.ts';

/** What a run is about. */
export type RunKind = 'release' | 'check' | 'pull' | 'retrain' | 'candidate' | 'try';

export interface RunContext {
  /** The project: a namespace. */
  readonly project: string;
  readonly model: string;
  readonly repositoryUrl: string;
  /** Where the clone comes from, such as a mirror that is nearer; default: `repositoryUrl`. */
  readonly cloneUrl?: string;
  readonly commit: string;
  /** The tag, or a name for what has none. */
  readonly tag: string;
  /** Order of first sight of the tag. */
  readonly sequence: number;
  readonly branch: string;
  /** Registry host and port, without scheme. */
  readonly registry: string;
  readonly deploymentUrl: string;
  /** Only for candidates: the tag to give. */
  readonly nextTag?: string;
}

/** The params that every run's pipeline declares, and that its tasks may take. */
export const runParameterNames = [
  'project',
  'model',
  'url',
  'clone-url',
  'revision',
  'tag',
  'sequence',
  'branch',
  'registry',
  'deployment',
  'next-tag',
] as const;

interface TaskUse {
  readonly task: TaskName;
  /** Default: the one before it. */
  readonly after?: readonly TaskName[];
  /** Values of its params that are not the run's own. */
  readonly values?: Readonly<Record<string, string>>;
  readonly timeout?: string;
}

/** The tasks of a run, in order. */
function usesOf(kind: RunKind, spec: ModelSpec): TaskUse[] {
  const environment = { environment: '$(tasks.environment.results.environment)' };
  const model = { 'model-digest': '$(tasks.train.results.model-digest)' };
  const data = '$(tasks.train.results.data)';
  const clone: TaskUse = { task: 'clone', values: { url: '$(params.clone-url)' } };
  const start: TaskUse[] = [clone, { task: 'environment' }];
  if (kind === 'check') return [...start, { task: 'check' }];
  if (kind === 'retrain') return [clone, { task: 'candidate' }];
  const evaluated: TaskUse[] = [
    ...start,
    ...(kind === 'pull' ? [{ task: 'check' } as const] : []),
    { task: 'train', after: ['environment'], values: environment, timeout: spec.train?.timeout ?? '1h' },
    {
      task: 'evaluate',
      values: { ...environment, ...model, data, kind },
      timeout: spec.evaluate?.timeout ?? '1h',
    },
  ];
  if (kind === 'try' || kind === 'pull') return evaluated;
  if (kind === 'candidate') return [...evaluated, { task: 'tag' }];
  return [
    ...evaluated,
    // Beside the evaluation: an image without its tag is nothing yet, and the release waits for both.
    { task: 'build', after: ['train'], values: { ...environment, ...model } },
    {
      task: 'release',
      after: ['evaluate', 'build'],
      values: {
        ...model,
        'image-digest': '$(tasks.build.results.image-digest)',
        metrics: '$(tasks.evaluate.results.metrics)',
        data,
      },
    },
  ];
}

/** The standard meaning of each task param, where a run does not give another. */
const common: Readonly<Record<string, string>> = {
  project: '$(params.project)',
  model: '$(params.model)',
  url: '$(params.url)',
  revision: '$(params.revision)',
  tag: '$(params.tag)',
  sequence: '$(params.sequence)',
  branch: '$(params.branch)',
  registry: '$(params.registry)',
  deployment: '$(params.deployment)',
  'tag-name': '$(params.next-tag)',
  run: '$(context.pipelineRun.name)',
};

/** A task's text in a pipeline, with the labels that its pods shall have. */
function embedded({ metadata: { labels }, spec }: Task): NonNullable<PipelineTask['taskSpec']> {
  return { ...(labels ? { metadata: { labels } } : {}), ...spec! };
}

/** The pipeline of one kind of run. `embed`: with the tasks' text in it, else by reference to Tasks of the cluster. */
export function pipelineSpec(kind: RunKind, spec: ModelSpec, embed: boolean): PipelineSpec {
  const uses = usesOf(kind, spec);
  const tasks = uses.map((use, index): PipelineTask => {
    const task = builtInTask(use.task);
    const params: Param[] = (task.spec?.params ?? []).map(({ name }) => ({
      name,
      value: use.values?.[name] ?? common[name] ?? '',
    }));
    return {
      name: use.task,
      displayName: task.metadata.annotations?.['tekton.dev/displayName'] ?? use.task,
      ...(embed ? { taskSpec: embedded(task) } : { taskRef: { kind: 'Task', name: task.metadata.name } }),
      ...(params.length > 0 ? { params } : {}),
      ...(index > 0 ? { runAfter: [...(use.after ?? [uses[index - 1]!.task])] } : {}),
      ...(use.timeout ? { timeout: use.timeout } : {}),
      workspaces: (task.spec?.workspaces ?? []).map(({ name }) => ({ name, workspace: name })),
    };
  });
  return {
    params: runParameterNames.map((name) => ({ name, type: 'string', default: '' })),
    workspaces: [{ name: 'source' }, { name: 'environments' }],
    tasks,
    results: uses.flatMap(({ task }) =>
      (builtInTask(task).spec?.results ?? []).map(({ name }) => ({
        name: `${task}-${name}`,
        value: `$(tasks.${task}.results.${name})`,
      })),
    ),
  };
}

/** The same as a Pipeline of its own, for a cluster. */
export function pipelineObject(kind: RunKind, name: string, spec: ModelSpec): Pipeline {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'Pipeline',
    metadata: { name },
    spec: pipelineSpec(kind, spec, false),
  };
}

/** Name of the claim that all runs of a project share for their Python environments. */
export const environmentsClaim = 'environments';

/** That claim. Its annotation makes it one directory of the machine, shared by all projects, where pods run on one. */
export const environmentsClaimOf = (project: string): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: environmentsClaim,
    namespace: project,
    annotations: { 'tagboat.dev/shared-directory': 'environments' },
  },
  spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '20Gi' } } },
});

/** The spec of a run. */
export function runSpec(kind: RunKind, spec: ModelSpec, context: RunContext): PipelineRunSpec {
  return {
    pipelineSpec: pipelineSpec(kind, spec, true),
    ...runBindings(context),
    ...runResources(kind, spec),
  };
}

/** What the training of a run may use: asked for and limited alike, as for what is served. */
export function runResources(kind: RunKind, spec: ModelSpec): Pick<PipelineRunSpec, 'taskRunSpecs'> {
  const resources = spec.train?.resources ?? {};
  if (Object.keys(resources).length === 0 || !usesOf(kind, spec).some(({ task }) => task === 'train'))
    return {};
  const computeResources = { requests: resources, limits: resources };
  return {
    taskRunSpecs: [{ pipelineTaskName: 'train', stepSpecs: [{ name: 'train', computeResources }] }],
  };
}

/** Params and workspaces of a run. */
export function runBindings(
  context: RunContext,
): Pick<PipelineRunSpec, 'params' | 'workspaces' | 'timeouts'> {
  const values: Record<(typeof runParameterNames)[number], string> = {
    project: context.project,
    model: context.model,
    url: context.repositoryUrl,
    'clone-url': context.cloneUrl ?? context.repositoryUrl,
    revision: context.commit,
    tag: context.tag,
    sequence: String(context.sequence),
    branch: context.branch,
    registry: context.registry,
    deployment: context.deploymentUrl,
    'next-tag': context.nextTag ?? '',
  };
  return {
    params: runParameterNames.map((name) => ({ name, value: values[name] })),
    workspaces: [
      {
        name: 'source',
        volumeClaimTemplate: {
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
        },
      },
      { name: 'environments', persistentVolumeClaim: { claimName: environmentsClaim } },
    ],
    timeouts: { pipeline: '0' },
  };
}
