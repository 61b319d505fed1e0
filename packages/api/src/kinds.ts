import { invalid } from '@tagboat/base';
import type { KubernetesObject } from './object.ts';

/** One kind as the API serves it (meta/v1 APIResource, with its group and version). */
export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly subresources: readonly ('status' | 'scale')[];
  /** Names of groups of kinds that `kubectl get` takes, such as `all`. */
  readonly categories?: readonly string[];
}

interface TypeOptions {
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  readonly namespaced?: boolean;
  readonly subresources?: readonly ('status' | 'scale')[];
  readonly categories?: readonly string[];
}

const all = ['all'] as const;
const clusterWide = { namespaced: false, subresources: [] } as const;

function define(apiVersion: string, kind: string, options: TypeOptions = {}): ResourceType {
  const { group, version } = parseApiVersion(apiVersion);
  return {
    group,
    version,
    kind,
    plural: options.plural ?? `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    namespaced: options.namespaced ?? true,
    subresources: options.subresources ?? ['status'],
    ...(options.categories ? { categories: options.categories } : {}),
  };
}

/** `apps/v1` -> group `apps`, version `v1`; `v1` is the core group, whose name is empty. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const parts = apiVersion.split('/');
  if (parts.length > 2 || parts.some((part) => part === ''))
    throw invalid(`expected an apiVersion "group/version" or "v1", found "${apiVersion}"`);
  return parts.length === 1 ? { group: '', version: parts[0]! } : { group: parts[0]!, version: parts[1]! };
}

export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The kinds that are built in; each name is the kind's own. */
export const kinds = {
  Namespace: define('v1', 'Namespace', { namespaced: false, shortNames: ['ns'] }),
  ConfigMap: define('v1', 'ConfigMap', { shortNames: ['cm'], subresources: [] }),
  Secret: define('v1', 'Secret', { subresources: [] }),
  ServiceAccount: define('v1', 'ServiceAccount', { shortNames: ['sa'], subresources: [] }),
  PersistentVolumeClaim: define('v1', 'PersistentVolumeClaim', { shortNames: ['pvc'] }),
  Pod: define('v1', 'Pod', { shortNames: ['po'], categories: all }),
  Service: define('v1', 'Service', { shortNames: ['svc'], categories: all }),
  Event: define('v1', 'Event', { shortNames: ['ev'], subresources: [] }),
  Deployment: define('apps/v1', 'Deployment', {
    shortNames: ['deploy'],
    subresources: ['status', 'scale'],
    categories: all,
  }),
  ReplicaSet: define('apps/v1', 'ReplicaSet', {
    shortNames: ['rs'],
    subresources: ['status', 'scale'],
    categories: all,
  }),
  Job: define('batch/v1', 'Job', { categories: all }),
  CronJob: define('batch/v1', 'CronJob', { shortNames: ['cj'], categories: all }),
  Ingress: define('networking.k8s.io/v1', 'Ingress', { plural: 'ingresses', shortNames: ['ing'] }),
  /** OpenShift's way in from outside; routed like an Ingress. */
  Route: define('route.openshift.io/v1', 'Route'),
  Node: define('v1', 'Node', { namespaced: false, shortNames: ['no'] }),
  Endpoints: define('v1', 'Endpoints', { plural: 'endpoints', shortNames: ['ep'], subresources: [] }),
  EndpointSlice: define('discovery.k8s.io/v1', 'EndpointSlice', { subresources: [] }),
  /** Held by clients that elect a leader among themselves. */
  Lease: define('coordination.k8s.io/v1', 'Lease', { subresources: [] }),
  /** From here on, kept so that manifests apply: nothing acts on them, and they say so (`kept-kinds.ts`). */
  StatefulSet: define('apps/v1', 'StatefulSet', {
    shortNames: ['sts'],
    subresources: ['status', 'scale'],
    categories: all,
  }),
  DaemonSet: define('apps/v1', 'DaemonSet', { shortNames: ['ds'], categories: all }),
  HorizontalPodAutoscaler: define('autoscaling/v2', 'HorizontalPodAutoscaler', {
    shortNames: ['hpa'],
    categories: all,
  }),
  PodDisruptionBudget: define('policy/v1', 'PodDisruptionBudget', { shortNames: ['pdb'] }),
  NetworkPolicy: define('networking.k8s.io/v1', 'NetworkPolicy', {
    plural: 'networkpolicies',
    shortNames: ['netpol'],
    subresources: [],
  }),
  IngressClass: define('networking.k8s.io/v1', 'IngressClass', { plural: 'ingressclasses', ...clusterWide }),
  Role: define('rbac.authorization.k8s.io/v1', 'Role', { subresources: [] }),
  RoleBinding: define('rbac.authorization.k8s.io/v1', 'RoleBinding', { subresources: [] }),
  ClusterRole: define('rbac.authorization.k8s.io/v1', 'ClusterRole', clusterWide),
  ClusterRoleBinding: define('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', clusterWide),
  ValidatingWebhookConfiguration: define(
    'admissionregistration.k8s.io/v1',
    'ValidatingWebhookConfiguration',
    clusterWide,
  ),
  MutatingWebhookConfiguration: define(
    'admissionregistration.k8s.io/v1',
    'MutatingWebhookConfiguration',
    clusterWide,
  ),
  ValidatingAdmissionPolicy: define('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', {
    plural: 'validatingadmissionpolicies',
    namespaced: false,
  }),
  ValidatingAdmissionPolicyBinding: define(
    'admissionregistration.k8s.io/v1',
    'ValidatingAdmissionPolicyBinding',
    clusterWide,
  ),
  LimitRange: define('v1', 'LimitRange', { shortNames: ['limits'], subresources: [] }),
  ResourceQuota: define('v1', 'ResourceQuota', { shortNames: ['quota'] }),
  PersistentVolume: define('v1', 'PersistentVolume', { namespaced: false, shortNames: ['pv'] }),
  StorageClass: define('storage.k8s.io/v1', 'StorageClass', {
    plural: 'storageclasses',
    shortNames: ['sc'],
    ...clusterWide,
  }),
  PriorityClass: define('scheduling.k8s.io/v1', 'PriorityClass', {
    plural: 'priorityclasses',
    shortNames: ['pc'],
    ...clusterWide,
  }),
  CustomResourceDefinition: define('apiextensions.k8s.io/v1', 'CustomResourceDefinition', {
    namespaced: false,
    shortNames: ['crd', 'crds'],
  }),
  Task: define('tekton.dev/v1', 'Task', { subresources: [] }),
  Pipeline: define('tekton.dev/v1', 'Pipeline', { subresources: [] }),
  TaskRun: define('tekton.dev/v1', 'TaskRun', { shortNames: ['tr', 'trs'] }),
  PipelineRun: define('tekton.dev/v1', 'PipelineRun', { shortNames: ['pr', 'prs'] }),
  StepAction: define('tekton.dev/v1beta1', 'StepAction', { subresources: [] }),
  /** Older versions of the same objects, as repositories still hold them. */
  StepActionV1alpha1: define('tekton.dev/v1alpha1', 'StepAction', { subresources: [] }),
  TaskV1beta1: define('tekton.dev/v1beta1', 'Task', { subresources: [] }),
  PipelineV1beta1: define('tekton.dev/v1beta1', 'Pipeline', { subresources: [] }),
  TaskRunV1beta1: define('tekton.dev/v1beta1', 'TaskRun', { shortNames: ['tr', 'trs'] }),
  PipelineRunV1beta1: define('tekton.dev/v1beta1', 'PipelineRun', { shortNames: ['pr', 'prs'] }),
  CustomRun: define('tekton.dev/v1beta1', 'CustomRun'),
  Application: define('argoproj.io/v1alpha1', 'Application', {
    shortNames: ['app', 'apps'],
    subresources: [],
  }),
  AppProject: define('argoproj.io/v1alpha1', 'AppProject', {
    shortNames: ['appproj', 'appprojs'],
    subresources: [],
  }),
  InferenceService: define('serving.kserve.io/v1beta1', 'InferenceService', { shortNames: ['isvc'] }),
  ServingRuntime: define('serving.kserve.io/v1alpha1', 'ServingRuntime', { subresources: [] }),
  Notebook: define('kubeflow.org/v1', 'Notebook'),
  Repository: define('tagboat.dev/v1alpha1', 'Repository', { plural: 'repositories', shortNames: ['repo'] }),
  /** The same as Pipelines-as-Code has it; what it says becomes a Repository of tagboat.dev. */
  PipelinesAsCodeRepository: define('pipelinesascode.tekton.dev/v1alpha1', 'Repository', {
    plural: 'repositories',
    subresources: [],
  }),
  Model: define('tagboat.dev/v1alpha1', 'Model'),
  /** A proposed change to a branch of a hosted repository, or the mirror of one at an outside forge. */
  PullRequest: define('tagboat.dev/v1alpha1', 'PullRequest'),
  /** What one check says of one commit, for the console, for pull requests and for outside forges. */
  CommitStatus: define('tagboat.dev/v1alpha1', 'CommitStatus', { plural: 'commitstatuses' }),
  /** What somebody said of a commit, which may ask for runs of it. */
  CommitComment: define('tagboat.dev/v1alpha1', 'CommitComment'),
  /** What was done about one ref at one commit; outlives the run, so that a tag is never handled twice. */
  HandledRef: define('tagboat.dev/v1alpha1', 'HandledRef', { subresources: [] }),
  /** One finished training or evaluation: parameters, metrics and digests; outlives the run. */
  Experiment: define('tagboat.dev/v1alpha1', 'Experiment', { subresources: [] }),
} as const satisfies Record<string, ResourceType>;

/** Names one object: its type, namespace ('' for cluster-scoped kinds) and name. */
export interface ResourceKey {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
}

export function keyOf(type: ResourceType, object: KubernetesObject): ResourceKey {
  return {
    type,
    namespace: type.namespaced ? (object.metadata.namespace ?? '') : '',
    name: object.metadata.name,
  };
}

/** `group/plural`: the same for every version of a kind, since they are one set of objects. */
export function typeId(type: Pick<ResourceType, 'group' | 'plural'>): string {
  return `${type.group}/${type.plural}`;
}

export function keyText(key: ResourceKey): string {
  return `${typeId(key.type)}/${key.namespace}/${key.name}`;
}

/** `Kind namespace/name`, as messages name an object. */
export function describeKey(key: ResourceKey): string {
  return `${key.type.kind} ${key.namespace === '' ? '' : `${key.namespace}/`}${key.name}`;
}

/** The types known to one server: the built-in kinds and what CustomResourceDefinitions add. */
export class TypeRegistry {
  readonly #byKind = new Map<string, ResourceType>();
  readonly #byPlural = new Map<string, ResourceType>();
  readonly #listeners = new Set<(type: ResourceType, added: boolean) => void>();

  constructor(types: Iterable<ResourceType> = Object.values(kinds)) {
    for (const type of types) this.add(type);
  }

  add(type: ResourceType): void {
    this.#byKind.set(`${apiVersionOf(type)}/${type.kind}`, type);
    this.#byPlural.set(`${apiVersionOf(type)}/${type.plural}`, type);
    for (const listener of this.#listeners) listener(type, true);
  }

  remove(type: ResourceType): void {
    this.#byKind.delete(`${apiVersionOf(type)}/${type.kind}`);
    this.#byPlural.delete(`${apiVersionOf(type)}/${type.plural}`);
    for (const listener of this.#listeners) listener(type, false);
  }

  /** Tells of every type that is added or removed later. */
  onChange(listener: (type: ResourceType, added: boolean) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** The type of a URL's resource name, such as `deployments`. */
  findPlural(apiVersion: string, plural: string): ResourceType | undefined {
    return this.#byPlural.get(`${apiVersion}/${plural}`);
  }

  all(): ResourceType[] {
    return [...this.#byKind.values()];
  }

  find(apiVersion: string, kind: string): ResourceType | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`);
  }

  /** The type of an object. @throws `Invalid` for a kind that nothing serves. */
  of(object: Pick<KubernetesObject, 'apiVersion' | 'kind'>): ResourceType {
    const type = this.find(object.apiVersion, object.kind);
    if (!type)
      throw invalid(`no kind "${object.kind}" in apiVersion "${object.apiVersion}" is served here`, {
        hint: 'see: tagboat api-resources',
      });
    return type;
  }
}
