import { createHash } from 'node:crypto';
import { type KubernetesObject, matchesLabels, parseApiVersion, parseSelector } from '@tagboat/api';
import type { ImageEntry, Target } from './kustomization.ts';

type Json = Record<string, unknown>;
const isMap = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Kinds without a namespace, as far as manifests hold them. */
const clusterScoped = new Set([
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'PersistentVolume',
  'StorageClass',
  'PriorityClass',
  'IngressClass',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'APIService',
  'Node',
  'Project',
  'ProjectRequest',
]);

export function setNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  if (object.kind === 'Namespace') return { ...object, metadata: { ...object.metadata, name: namespace } };
  if (clusterScoped.has(object.kind)) return withSubjects(object, namespace);
  return withSubjects({ ...object, metadata: { ...object.metadata, namespace } }, namespace);
}

function withSubjects(object: KubernetesObject, namespace: string): KubernetesObject {
  const { subjects } = object as unknown as { subjects?: Json[] };
  if (!/RoleBinding$/.test(object.kind) || !subjects) return object;
  return {
    ...object,
    subjects: subjects.map((subject) =>
      subject.kind === 'ServiceAccount' && subject.name === 'default' ? { ...subject, namespace } : subject,
    ),
  } as unknown as KubernetesObject;
}

/** Calls `change` on every map below a value that holds the field, whatever it is in. */
function mapDeep(value: unknown, change: (map: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((item) => mapDeep(item, change));
  if (!isMap(value)) return value;
  const changed = change(value);
  return Object.fromEntries(Object.entries(changed).map(([key, item]) => [key, mapDeep(item, change)]));
}

/** Sets the images of all containers, wherever they stand (kustomize's image transformer). */
export function setImages(object: KubernetesObject, images: readonly ImageEntry[]): KubernetesObject {
  if (object.kind === 'CustomResourceDefinition') return object;
  return mapDeep(object, (map) => {
    const next = { ...map };
    for (const field of ['containers', 'initContainers'])
      if (Array.isArray(next[field]))
        next[field] = (next[field] as unknown[]).map((container) =>
          isMap(container) && typeof container.image === 'string'
            ? { ...container, image: newImage(container.image, images) }
            : container,
        );
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
    const target = entry.newName ?? name;
    if (entry.digest) result = `${target}${entry.newTag ? `:${entry.newTag}` : ''}@${entry.digest}`;
    else if (entry.newTag) result = `${target}:${entry.newTag}`;
    else result = `${target}${hasTag ? withTag!.slice(colon) : ''}${digest ? `@${digest}` : ''}`;
  }
  return result;
}

export function addAnnotations(
  object: KubernetesObject,
  annotations: Readonly<Record<string, string>>,
): KubernetesObject {
  const changed = {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
  };
  return templates(changed, (metadata) => ({
    ...metadata,
    annotations: { ...(metadata.annotations as object), ...annotations },
  }));
}

export function addLabels(
  object: KubernetesObject,
  labels: Readonly<Record<string, string>>,
  options: { selectors: boolean; templates: boolean },
): KubernetesObject {
  let changed: KubernetesObject = {
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } },
  };
  if (options.templates)
    changed = templates(changed, (metadata) => ({
      ...metadata,
      labels: { ...(metadata.labels as object), ...labels },
    }));
  const spec = changed.spec as Json | undefined;
  if (!options.selectors || !spec) return changed;
  if (['Service', 'ReplicationController'].includes(object.kind))
    return spec.selector
      ? { ...changed, spec: { ...spec, selector: { ...(spec.selector as object), ...labels } } }
      : changed;
  if (['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet'].includes(object.kind)) {
    const selector = (spec.selector ?? {}) as Json;
    return {
      ...changed,
      spec: {
        ...spec,
        selector: { ...selector, matchLabels: { ...(selector.matchLabels as object), ...labels } },
      },
    };
  }
  return changed;
}

/** Metadata of pod templates; made where the kind has a template. */
function templates(object: KubernetesObject, change: (metadata: Json) => Json): KubernetesObject {
  const spec = object.spec as Json | undefined;
  if (!spec) return object;
  if (object.kind === 'CronJob') {
    const job = spec.jobTemplate as { spec?: Json; metadata?: Json } | undefined;
    if (!job?.spec) return object;
    const template = (job.spec.template ?? {}) as Json;
    const inner = { ...template, metadata: change((template.metadata ?? {}) as Json) };
    const jobTemplate = {
      ...job,
      metadata: change(job.metadata ?? {}),
      spec: { ...job.spec, template: inner },
    };
    return { ...object, spec: { ...spec, jobTemplate } };
  }
  if (
    !isMap(spec.template) ||
    !['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'ReplicationController'].includes(
      object.kind,
    )
  )
    return object;
  return {
    ...object,
    spec: {
      ...spec,
      template: { ...spec.template, metadata: change((spec.template.metadata ?? {}) as Json) },
    },
  };
}

export function setReplicas(
  object: KubernetesObject,
  entries: readonly { name: string; count: number }[],
  original: string,
): KubernetesObject {
  const entry = entries.find(({ name }) => name === object.metadata.name || name === original);
  if (!entry || !['Deployment', 'ReplicaSet', 'StatefulSet', 'ReplicationController'].includes(object.kind))
    return object;
  return { ...object, spec: { ...(object.spec as object), replicas: entry.count } };
}

/** Whether a patch's target means this object; names are anchored regular expressions, as kustomize has them. */
export function matchesTarget(object: KubernetesObject, target: Target, original: string): boolean {
  const { group, version } = parseApiVersion(object.apiVersion);
  const same = (wanted: string | undefined, ...found: string[]) =>
    wanted === undefined || wanted === '' || found.some((value) => new RegExp(`^(?:${wanted})$`).test(value));
  return (
    same(target.group, group) &&
    same(target.version, version) &&
    same(target.kind, object.kind) &&
    same(target.name, object.metadata.name, original) &&
    same(target.namespace, object.metadata.namespace ?? '') &&
    (target.labelSelector === undefined ||
      matchesLabels(object.metadata.labels, parseSelector(target.labelSelector))) &&
    (target.annotationSelector === undefined ||
      matchesLabels(object.metadata.annotations, parseSelector(target.annotationSelector)))
  );
}

/** kustomize's name suffix for generated ConfigMaps and Secrets (api/hasher: SHA-256 of canonical JSON, ten safe letters). */
export function contentHash(object: KubernetesObject): string {
  const {
    data = {},
    binaryData,
    type,
  } = object as unknown as { data?: object; binaryData?: object; type?: string };
  const content =
    object.kind === 'Secret'
      ? { data, kind: 'Secret', name: '', type: type ?? '' }
      : { ...(binaryData ? { binaryData } : {}), data, kind: 'ConfigMap', name: '' };
  const hex = createHash('sha256').update(goJson(content)).digest('hex').slice(0, 10);
  const safe: Record<string, string> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };
  return hex.replace(/[013ae]/g, (letter) => safe[letter]!);
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

/** Fields that refer to an object: its kind, and the field of its name. */
const references: Readonly<Record<string, readonly [string, string]>> = {
  configMap: ['ConfigMap', 'name'],
  configMapRef: ['ConfigMap', 'name'],
  configMapKeyRef: ['ConfigMap', 'name'],
  secret: ['Secret', 'secretName'],
  secretRef: ['Secret', 'name'],
  secretKeyRef: ['Secret', 'name'],
  persistentVolumeClaim: ['PersistentVolumeClaim', 'claimName'],
};

/** Where objects name others; a renamed object is renamed there too. */
export function renameReferences(
  object: KubernetesObject,
  renamed: ReadonlyMap<string, string>,
): KubernetesObject {
  const rename = (kind: string, name: unknown) =>
    typeof name === 'string' ? (renamed.get(`${kind}/${name}`) ?? name) : name;
  const renamedIn = (inner: Record<string, unknown>, kind: string, key: string) => {
    const keys = kind === 'Secret' ? [key, 'name'] : [key];
    const given = keys.filter((field) => inner[field] !== undefined);
    return Object.fromEntries(given.map((field) => [field, rename(kind, inner[field])]));
  };
  return mapDeep(object, (map) => {
    const next = { ...map };
    for (const [field, [kind, key]] of Object.entries(references)) {
      const inner = next[field];
      if (isMap(inner)) next[field] = { ...inner, ...renamedIn(inner, kind, key) };
    }
    if (typeof next.serviceAccountName === 'string')
      next.serviceAccountName = rename('ServiceAccount', next.serviceAccountName);
    if (Array.isArray(next.imagePullSecrets))
      next.imagePullSecrets = next.imagePullSecrets.map((entry) =>
        isMap(entry) ? { ...entry, name: rename('Secret', entry.name) } : entry,
      );
    if (isMap(next.scaleTargetRef))
      next.scaleTargetRef = {
        ...next.scaleTargetRef,
        name: rename(String(next.scaleTargetRef.kind), next.scaleTargetRef.name),
      };
    if (isMap(next.service) && next.service.name !== undefined)
      next.service = { ...next.service, name: rename('Service', next.service.name) };
    return next;
  }) as KubernetesObject;
}
