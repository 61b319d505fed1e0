import type {
  EnvVar,
  Pipeline,
  PipelineRunSpec,
  PipelineTask,
  PodSpec,
  Step,
  Volume,
  VolumeMount,
} from '@tagboat/api';
import { shortHash, slug } from '@tagboat/base';
import type { ElyraNode, ElyraPipeline } from './parse.ts';

export interface ElyraContext {
  /** The `.pipeline` file's path in the repository. */
  readonly file: string;
  /** Registry host and port, where outputs and executed notebooks go. */
  readonly registry: string;
  /** The project: a namespace. */
  readonly project: string;
  /** The task that fetches the repository: its spec, or a reference to it. */
  readonly clone: Pick<PipelineTask, 'taskSpec' | 'taskRef'>;
}

/** The names of a pipeline's tasks, by the node's id: its label where that is unique. */
export function nodeNames(pipeline: ElyraPipeline): ReadonlyMap<string, string> {
  const slugs = pipeline.nodes.map(({ label }) => slug(label).slice(0, 40).replace(/-+$/, ''));
  const names = pipeline.nodes.map(({ id }, index) => {
    const own = slugs[index]!;
    const repeated = own === 'clone' || slugs.filter((other) => other === own).length > 1;
    return [id, repeated ? `${own}-${shortHash([id], 5)}` : own] as const;
  });
  return new Map(names);
}

/**
 * The Tekton Pipeline of an Elyra pipeline: the repository is fetched, then each node is a task after those it is linked
 * from. Params `url` and `revision` say which commit; the pipeline's own parameters follow.
 */
export function elyraPipeline(pipeline: ElyraPipeline, context: ElyraContext): Pipeline {
  const names = nodeNames(pipeline);
  const clone: PipelineTask = {
    name: 'clone',
    displayName: 'Clone',
    ...context.clone,
    params: [
      { name: 'url', value: '$(params.url)' },
      { name: 'revision', value: '$(params.revision)' },
    ],
    workspaces: [{ name: 'source', workspace: 'source' }],
  };
  const tasks = pipeline.nodes.map((node) => taskOf(pipeline, node, { context, names }));
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'Pipeline',
    metadata: { name: slug(pipeline.name) },
    spec: {
      ...(pipeline.description ? { description: pipeline.description } : {}),
      params: [
        { name: 'url', type: 'string', description: 'the git URL of the repository' },
        { name: 'revision', type: 'string', description: 'the commit' },
        ...pipeline.parameters.map(({ name, description, value, required }) => ({
          name,
          type: 'string' as const,
          ...(description ? { description } : {}),
          ...(value !== undefined ? { default: value } : required ? {} : { default: '' }),
        })),
      ],
      workspaces: [{ name: 'source' }, { name: 'environments' }],
      tasks: [clone, ...tasks],
    },
  };
}

interface Place {
  readonly context: ElyraContext;
  readonly names: ReadonlyMap<string, string>;
}

function taskOf(pipeline: ElyraPipeline, node: ElyraNode, { context, names }: Place): PipelineTask {
  const { volumes, volumeMounts } = volumesOf(node);
  const given = pipeline.parameters.filter(({ name }) => node.parameters.includes(name));
  const resources = resourcesOf(node);
  const step: Step = {
    name: 'run',
    image: 'tagboat',
    command: ['tagboat'],
    args: ['step', 'elyra-node'],
    env: environmentOf(pipeline, node, context),
    ...(volumeMounts.length > 0 ? { volumeMounts } : {}),
    ...(resources ? { computeResources: resources } : {}),
  };
  return {
    name: names.get(node.id)!,
    displayName: node.label,
    taskSpec: {
      ...metadataOf(node),
      params: [
        { name: 'revision', type: 'string' },
        ...given.map(({ name }) => ({ name, type: 'string' as const })),
      ],
      results: [{ name: 'notebook', description: 'The digest of the artifact with the executed notebook.' }],
      workspaces: [{ name: 'source' }, { name: 'environments' }],
      ...(volumes.length > 0 ? { volumes } : {}),
      steps: [step],
    },
    params: [
      { name: 'revision', value: '$(params.revision)' },
      ...given.map(({ name }) => ({ name, value: `$(params.${name})` })),
    ],
    runAfter: node.after.length > 0 ? node.after.map((id) => names.get(id)!) : ['clone'],
    workspaces: [
      { name: 'source', workspace: 'source' },
      { name: 'environments', workspace: 'environments' },
    ],
  };
}

function volumesOf({ volumes, sharedMemory }: ElyraNode): { volumes: Volume[]; volumeMounts: VolumeMount[] } {
  const claims = volumes.map(({ claim, path, ...rest }, index) => ({
    volume: { name: `volume-${index}`, persistentVolumeClaim: { claimName: claim } },
    mount: { name: `volume-${index}`, mountPath: path, ...rest },
  }));
  const shared =
    sharedMemory === undefined
      ? []
      : [
          {
            volume: { name: 'shm', emptyDir: { medium: 'Memory' as const, sizeLimit: `${sharedMemory}G` } },
            mount: { name: 'shm', mountPath: '/dev/shm' },
          },
        ];
  const all = [...claims, ...shared];
  return {
    volumes: all.map(({ volume }) => volume),
    volumeMounts: all.map(({ mount }) => mount),
  };
}

/** What of the nodes belongs to a run rather than to its pipeline: their pods' tolerations, without empty words. */
export function elyraTaskRunSpecs(pipeline: ElyraPipeline): Pick<PipelineRunSpec, 'taskRunSpecs'> {
  const names = nodeNames(pipeline);
  const specs = pipeline.nodes.flatMap(({ id, tolerations }) => {
    const kept = tolerations.map((one) =>
      Object.fromEntries(Object.entries(one).filter(([, value]) => value !== '')),
    );
    return kept.length > 0
      ? [{ pipelineTaskName: names.get(id)!, podTemplate: { tolerations: kept } as Partial<PodSpec> }]
      : [];
  });
  return specs.length > 0 ? { taskRunSpecs: specs } : {};
}

/** Labels and annotations of a task's own text become its pod's. */
function metadataOf({
  labels,
  annotations,
}: ElyraNode): Pick<NonNullable<PipelineTask['taskSpec']>, 'metadata'> {
  const metadata = {
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  return Object.keys(metadata).length > 0 ? { metadata } : {};
}

/** What the step is told, then what the node declares: its variables carry a prefix, so that none changes the step. */
function environmentOf(pipeline: ElyraPipeline, node: ElyraNode, context: ElyraContext): EnvVar[] {
  const given = pipeline.parameters.filter(({ name }) => node.parameters.includes(name));
  return [
    { name: 'TAGBOAT_WORKSPACE', value: '$(workspaces.source.path)' },
    { name: 'TAGBOAT_ENVIRONMENTS', value: '$(workspaces.environments.path)' },
    { name: 'TAGBOAT_COMMIT', value: '$(params.revision)' },
    { name: 'TAGBOAT_PROJECT', value: context.project },
    { name: 'TAGBOAT_REGISTRY', value: context.registry },
    { name: 'TAGBOAT_MODEL', value: slug(pipeline.name) },
    { name: 'TAGBOAT_RUN', value: '$(context.taskRun.name)' },
    { name: 'TAGBOAT_RESULTS', value: '/tekton/results' },
    { name: 'TAGBOAT_ELYRA_FILE', value: context.file },
    { name: 'TAGBOAT_ELYRA_NODE', value: node.id },
    ...node.environment.map(({ name, value }) => ({ name: `${variablePrefix}${name}`, value })),
    ...given.map(({ name }) => ({ name: `${variablePrefix}${name}`, value: `$(params.${name})` })),
    ...node.secrets.map(({ variable, secret, key }) => ({
      name: `${variablePrefix}${variable}`,
      valueFrom: { secretKeyRef: { name: secret, key } },
    })),
  ];
}

/** The step hands variables with this prefix to the node's code, without it. */
export const variablePrefix = 'TAGBOAT_NODE_ENV_';

function resourcesOf({ resources }: ElyraNode): Step['computeResources'] {
  const { cpu, cpuLimit, memory, memoryLimit, gpu, gpuVendor = 'nvidia.com/gpu' } = resources;
  const requests = quantities(cpu, memory);
  const limits = { ...quantities(cpuLimit, memoryLimit), ...(gpu ? { [gpuVendor]: String(gpu) } : {}) };
  if (Object.keys(requests).length + Object.keys(limits).length === 0) return undefined;
  return {
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
}

const quantities = (cpu: number | undefined, memory: number | undefined): Record<string, string> => ({
  ...(cpu ? { cpu: String(cpu) } : {}),
  ...(memory ? { memory: `${memory}G` } : {}),
});
