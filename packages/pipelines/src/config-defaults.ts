import {
  type ConfigMap,
  type Container,
  type EnvVar,
  type KubernetesObject,
  type PipelineRun,
  type PodSpec,
  type Provenance,
  parseYaml,
  type TaskRun,
  type TaskSpec,
  type Volume,
  type WorkspaceBinding,
} from '@tagboat/api';
import { describeError, invalid, parseDuration } from '@tagboat/base';
import { type Flags, flagsName, openFlags, parseFlags } from './feature-flags.ts';

/** Where Tekton's settings stand (Tekton docs, additional-configs.md). */
export const settingsNamespace = 'tekton-pipelines';
export const defaultsName = 'config-defaults';

/** What runs get that do not say it themselves: the ConfigMap `config-defaults`. */
export interface Defaults {
  /** Milliseconds; 0 is none. */
  readonly timeout: number;
  readonly serviceAccount: string;
  readonly managedBy: string;
  readonly podTemplate?: Partial<PodSpec>;
  readonly workspaceBinding?: Omit<WorkspaceBinding, 'name'>;
  readonly mostCombinations: number;
  /** Variables that pod templates cannot set. */
  readonly forbiddenEnv: readonly string[];
  readonly resolver?: string;
  /** By container name, `prefix-<beginning of a name>`, or `default`. */
  readonly resources: Readonly<Record<string, NonNullable<Container['resources']>>>;
  /** How long a pod tries to pull an image, in milliseconds. */
  readonly imagePullTimeout: number;
  readonly flags: Flags;
}

export const builtInDefaults: Defaults = {
  timeout: 3_600_000,
  serviceAccount: 'default',
  managedBy: 'tekton-pipelines',
  mostCombinations: 256,
  forbiddenEnv: [],
  resources: {},
  imagePullTimeout: 0,
  flags: openFlags,
};

/**
 * Reads the data of `config-defaults`. Keys that change nothing here (cloud events, the affinity assistant, polling
 * intervals) are left aside.
 * @throws `Invalid` naming the key whose value cannot be read, in the words of Tekton's webhook
 */
export function parseDefaults(data: Readonly<Record<string, string>> = {}): Defaults {
  const read = <T>(key: string, parse: (text: string) => T, fallback: T): T => {
    const text = data[key];
    if (text === undefined) return fallback;
    try {
      return parse(text);
    } catch (cause) {
      throw invalid(`failed parsing default config "${key}": ${describeError(cause)}`, { cause });
    }
  };
  const podTemplate = read('default-pod-template', mapping<Partial<PodSpec>>, undefined);
  const workspaceBinding = read(
    'default-task-run-workspace-binding',
    mapping<Omit<WorkspaceBinding, 'name'>>,
    undefined,
  );
  const resolver = data['default-resolver-type'];
  return {
    timeout: read('default-timeout-minutes', wholeNumber, builtInDefaults.timeout / 60_000) * 60_000,
    serviceAccount: data['default-service-account'] ?? builtInDefaults.serviceAccount,
    managedBy: data['default-managed-by-label-value'] ?? builtInDefaults.managedBy,
    mostCombinations: read(
      'default-max-matrix-combinations-count',
      wholeNumber,
      builtInDefaults.mostCombinations,
    ),
    forbiddenEnv: (data['default-forbidden-env'] ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
    resources:
      read('default-container-resource-requirements', mapping<Defaults['resources']>, undefined) ?? {},
    imagePullTimeout: read('default-imagepullbackoff-timeout', parseDuration, 0),
    flags: openFlags,
    ...(podTemplate ? { podTemplate } : {}),
    ...(workspaceBinding ? { workspaceBinding } : {}),
    ...(resolver ? { resolver } : {}),
  };
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text.trim())) throw invalid(`expected a whole number, found "${text}"`);
  return Number(text);
}

function mapping<T extends object>(text: string): T | undefined {
  if (text.trim() === '') return undefined;
  const value = parseYaml(text, defaultsName)[0]?.value;
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw invalid(`expected a mapping, found "${text.slice(0, 80)}"`);
  return value as T;
}

/** The ConfigMaps that hold Tekton's settings, and how they are read. */
const readers: Readonly<Record<string, (data: Record<string, string> | undefined) => unknown>> = {
  [defaultsName]: parseDefaults,
  [flagsName]: parseFlags,
};

/** Why the webhook of Tekton's settings refuses an object; undefined where it does not, and for all other objects. */
export function settingsDenial(object: KubernetesObject): string | undefined {
  const { name, namespace } = object.metadata;
  const read = readers[name];
  if (object.kind !== 'ConfigMap' || namespace !== settingsNamespace || !read) return undefined;
  try {
    read((object as ConfigMap).data);
    return undefined;
  } catch (error) {
    return `admission webhook "config.webhook.pipeline.tekton.dev" denied the request: validation failed: ${describeError(error)}`;
  }
}

/** The run with what it does not say itself. A run that says all, or a platform without settings, costs nothing. */
export function defaultedTaskRun(run: TaskRun, defaults: Defaults): TaskRun {
  if (defaults === builtInDefaults) return run;
  const spec = run.spec ?? {};
  const { taskRef } = spec;
  const podTemplate = mergedTemplate(spec.podTemplate, defaults.podTemplate);
  return {
    ...run,
    spec: {
      ...spec,
      timeout: spec.timeout ?? `${defaults.timeout}ms`,
      serviceAccountName: spec.serviceAccountName || defaults.serviceAccount,
      ...(podTemplate ? { podTemplate } : {}),
      ...(taskRef ? { taskRef: withResolver(taskRef, defaults) } : {}),
    },
  };
}

export function defaultedPipelineRun(run: PipelineRun, defaults: Defaults): PipelineRun {
  if (defaults === builtInDefaults) return run;
  const spec = run.spec ?? {};
  const { pipelineRef, taskRunTemplate } = spec;
  const podTemplate = mergedTemplate(taskRunTemplate?.podTemplate, defaults.podTemplate);
  return {
    ...run,
    spec: {
      ...spec,
      timeouts: { ...spec.timeouts, pipeline: spec.timeouts?.pipeline ?? `${defaults.timeout}ms` },
      taskRunTemplate: {
        ...taskRunTemplate,
        serviceAccountName: taskRunTemplate?.serviceAccountName || defaults.serviceAccount,
        ...(podTemplate ? { podTemplate } : {}),
      },
      ...(pipelineRef ? { pipelineRef: withResolver(pipelineRef, defaults) } : {}),
    },
  };
}

const withResolver = <T extends { name?: string; resolver?: string }>(
  reference: T,
  { resolver }: Defaults,
): T => (resolver && !reference.name && !reference.resolver ? { ...reference, resolver } : reference);

/** Bindings of workspaces that the task needs and nobody gave. */
export function withDefaultWorkspaces(run: TaskRun, task: TaskSpec, { workspaceBinding }: Defaults): TaskRun {
  if (!workspaceBinding) return run;
  const given = run.spec?.workspaces ?? [];
  const names = new Set(given.map(({ name }) => name));
  const missing = (task.workspaces ?? []).filter(({ name, optional }) => !optional && !names.has(name));
  const added = missing.map(({ name }) => ({ ...workspaceBinding, name }));
  return { ...run, spec: { ...run.spec, workspaces: [...given, ...added] } };
}

/** A pod template over a more general one; variables and volumes merge by name (Tekton's `MergePodTemplateWithDefault`). */
export function mergedTemplate(
  own: Partial<PodSpec> | undefined,
  general: Partial<PodSpec> | undefined,
): Partial<PodSpec> | undefined {
  if (!own || !general) return own ?? general;
  const [ownEnv, generalEnv] = [own, general].map(({ env }) => env as EnvVar[] | undefined);
  const env = byName<EnvVar>(generalEnv, ownEnv);
  const volumes = byName<Volume>(general.volumes, own.volumes);
  return {
    ...general,
    ...own,
    ...(env.length > 0 ? { env } : {}),
    ...(volumes.length > 0 ? { volumes } : {}),
  };
}

function byName<T extends { name: string }>(...lists: (readonly T[] | undefined)[]): T[] {
  return [...new Map(lists.flatMap((list) => list ?? []).map((item) => [item.name, item])).values()];
}

/** What a container without requests and limits of its own gets: by its name, the beginning of its name, or in general. */
export function resourcesFor(container: Container, { resources }: Defaults): Container {
  const { requests, limits } = container.resources ?? {};
  if (Object.keys(resources).length === 0 || requests || limits) return container;
  const prefix = Object.keys(resources).find(
    (key) => key.startsWith('prefix-') && container.name.startsWith(`${key.slice('prefix-'.length)}-`),
  );
  const found = resources[container.name] ?? (prefix ? resources[prefix] : undefined) ?? resources.default;
  return found ? { ...container, resources: found } : container;
}

/** What a status tells of where its spec came from, and of the flags that it ran with; nothing where that is turned off. */
export const provenanceOf = (
  { flags }: Defaults,
  ...more: (Provenance | undefined)[]
): { provenance?: Provenance } =>
  flags.provenance ? { provenance: Object.assign({ featureFlags: flags.recorded }, ...more) } : {};
