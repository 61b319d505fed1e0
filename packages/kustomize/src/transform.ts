import { createHash } from 'node:crypto';
import type { KubernetesObject } from '@tagboat/api';
import { changeAt, changeFields, field, isMap, type Json, mapDeep } from './fields.ts';
import type { ImageEntry } from './kustomization.ts';

/** Kinds without a namespace, as far as manifests hold them. */
const clusterScoped = new Set(
  `Namespace ClusterRole ClusterRoleBinding CustomResourceDefinition PersistentVolume StorageClass PriorityClass IngressClass
   RuntimeClass VolumeAttachment CSIDriver CSINode CertificateSigningRequest FlowSchema PriorityLevelConfiguration
   MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
   APIService Node Project ProjectRequest`.split(/\s+/),
);

export const isClusterScoped = (kind: string): boolean => clusterScoped.has(kind);

const namespaceFields = [
  field('APIService', 'spec/service/namespace', true),
  field('CustomResourceDefinition', 'spec/conversion/webhook/clientConfig/service/namespace'),
];

/** Moves an object to a namespace, and the service account "default" that a binding means. */
export function setNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  if (object.kind === 'Namespace' && object.apiVersion === 'v1')
    return { ...object, metadata: { ...object.metadata, name: namespace } };
  const isCluster =
    clusterScoped.has(object.kind) && !(object.kind === 'Namespace' && object.apiVersion !== 'v1');
  const moved = isCluster ? object : { ...object, metadata: { ...object.metadata, namespace } };
  return changeFields(withSubjects(moved, namespace), namespaceFields, () => namespace);
}

function withSubjects(object: KubernetesObject, namespace: string): KubernetesObject {
  if (!/^(Cluster)?RoleBinding$/.test(object.kind)) return object;
  const moved = (subject: unknown) =>
    isMap(subject) && subject.name === 'default' ? { ...subject, namespace } : subject;
  return changeAt(object, { path: ['subjects'], create: false }, (subjects) =>
    Array.isArray(subjects) ? subjects.map(moved) : subjects,
  ) as KubernetesObject;
}

/** Sets the images of all containers, wherever they stand, and of volumes (kustomize's image transformer). */
export function setImages(object: KubernetesObject, images: readonly ImageEntry[]): KubernetesObject {
  if (object.kind === 'CustomResourceDefinition') return object;
  const changed = (image: unknown) => (typeof image === 'string' ? newImage(image, images) : image);
  return mapDeep(object, (map) => {
    const next = { ...map };
    for (const name of ['containers', 'initContainers'])
      next[name] = changeAt(next[name], { path: ['image'], create: false }, changed);
    next.volumes = changeAt(next.volumes, { path: ['image', 'reference'], create: false }, changed);
    for (const name of ['containers', 'initContainers', 'volumes'])
      if (next[name] === undefined) delete next[name];
    return next;
  }) as KubernetesObject;
}

function newImage(image: string, entries: readonly ImageEntry[]): string {
  let result = image;
  for (const entry of entries) {
    const [withTag, digest] = result.split('@');
    const colon = withTag!.lastIndexOf(':');
    const hasTag = colon > withTag!.lastIndexOf('/');
    const name = hasTag ? withTag!.slice(0, colon) : withTag!;
    if (name !== entry.name) continue;
    result = `${entry.newName ?? name}${newVersion(entry, hasTag ? withTag!.slice(colon) : '', digest)}`;
  }
  return result;
}

/** Tag and digest as an entry says; what it leaves out stays, but a new tag or digest takes the place of both. */
function newVersion(
  { newTag, digest, tagSuffix }: ImageEntry,
  tag: string,
  before: string | undefined,
): string {
  if (digest) return `${newTag ? `:${newTag}` : ''}@${digest}`;
  if (newTag) return `:${newTag}`;
  return tagSuffix ? `${tag}${tagSuffix}` : `${tag}${before ? `@${before}` : ''}`;
}

const templated = 'Deployment ReplicaSet DaemonSet StatefulSet Job ReplicationController';

/** Metadata of the object and of the templates of its pods. */
const templateFields = (name: 'labels' | 'annotations') => [
  field(templated, `spec/template/metadata/${name}`, true),
  field('CronJob', `spec/jobTemplate/metadata/${name}`, true),
  field('CronJob', `spec/jobTemplate/spec/template/metadata/${name}`, true),
];

const affinities = ['podAffinity', 'podAntiAffinity'].flatMap((kind) => [
  `affinity/${kind}/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels`,
  `affinity/${kind}/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels`,
]);

/** Where labels select, and what is selected by them besides templates. */
const selectorFields = [
  field('Service ReplicationController', 'spec/selector', true),
  field('Deployment ReplicaSet DaemonSet StatefulSet', 'spec/selector/matchLabels', true),
  field('Job PodDisruptionBudget', 'spec/selector/matchLabels'),
  field('CronJob', 'spec/jobTemplate/spec/selector/matchLabels'),
  field('NetworkPolicy', 'spec/podSelector/matchLabels'),
  field('NetworkPolicy', 'spec/ingress/from/podSelector/matchLabels'),
  field('NetworkPolicy', 'spec/egress/to/podSelector/matchLabels'),
  field('StatefulSet', 'spec/volumeClaimTemplates/metadata/labels', true),
  ...[...affinities, 'topologySpreadConstraints/labelSelector/matchLabels'].map((path) =>
    field('Deployment StatefulSet', `spec/template/spec/${path}`),
  ),
];

const adding = (values: Readonly<Record<string, string>>) => (found: unknown) => ({
  ...(isMap(found) ? found : {}),
  ...values,
});

export function addAnnotations(
  object: KubernetesObject,
  annotations: Readonly<Record<string, string>>,
): KubernetesObject {
  const own = changeAt(object, { path: ['metadata', 'annotations'], create: true }, adding(annotations));
  return changeFields(own as KubernetesObject, templateFields('annotations'), adding(annotations));
}

export function addLabels(
  object: KubernetesObject,
  labels: Readonly<Record<string, string>>,
  options: { selectors: boolean; templates: boolean },
): KubernetesObject {
  const own = changeAt(
    object,
    { path: ['metadata', 'labels'], create: true },
    adding(labels),
  ) as KubernetesObject;
  const templates = options.templates ? changeFields(own, templateFields('labels'), adding(labels)) : own;
  return options.selectors ? changeFields(templates, selectorFields, adding(labels)) : templates;
}

const replicated = ['Deployment', 'ReplicaSet', 'StatefulSet', 'ReplicationController'];

export function setReplicas(object: KubernetesObject, count: number): KubernetesObject {
  const path = { path: ['spec', 'replicas'], create: true };
  return replicated.includes(object.kind)
    ? (changeAt(object, path, () => count) as KubernetesObject)
    : object;
}

/** Labels and annotations are texts, however they were written. */
export function withTexts(object: KubernetesObject): KubernetesObject {
  const texts = (found: unknown) =>
    isMap(found)
      ? Object.fromEntries(Object.entries(found).map(([key, value]) => [key, String(value ?? '')]))
      : found;
  return ['labels', 'annotations'].reduce<unknown>(
    (changed, name) => changeAt(changed, { path: ['metadata', name], create: false }, texts),
    object,
  ) as KubernetesObject;
}

/** kustomize's name suffix for generated ConfigMaps and Secrets (api/hasher: SHA-256 of canonical JSON, ten safe letters). */
export function contentHash(object: KubernetesObject): string {
  const { data, binaryData, type } = object as unknown as { data?: Json; binaryData?: object; type?: string };
  const content =
    object.kind === 'Secret'
      ? { data: data ? wrapped(data) : '', kind: 'Secret', name: '', type: type ?? '' }
      : {
          ...(binaryData ? { binaryData: wrapped(binaryData as Json) } : {}),
          data: data ?? '',
          kind: 'ConfigMap',
          name: '',
        };
  const hex = createHash('sha256').update(goJson(content)).digest('hex').slice(0, 10);
  const safe: Record<string, string> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };
  return hex.replace(/[013ae]/g, (letter) => safe[letter]!);
}

/** Long base64 in lines of 70 letters: kustomize writes it so, and it counts for the hash. */
function wrapped(data: Json): Json {
  const lines = (text: string) => (text.length < 70 ? text : text.replace(/.{1,70}/g, '$&\n'));
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, lines(String(value))]));
}

/** JSON as Go writes it: keys sorted, and `<`, `>`, `&` escaped. */
function goJson(value: unknown): string {
  const sorted = (item: unknown): unknown =>
    isMap(item)
      ? Object.fromEntries(
          Object.keys(item)
            .sort()
            .map((key) => [key, sorted(item[key])]),
        )
      : item;
  return JSON.stringify(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
