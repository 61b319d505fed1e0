import type { KubernetesObject } from '@tagboat/api';
import type { Move } from './entry.ts';
import { changeAt, type Field, field, isMap, type Json, mapDeep } from './fields.ts';

/** Fields of pods, wherever these stand, that refer to an object: its kind, and the fields of its name. */
const inPods: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  configMap: ['ConfigMap', ['name']],
  configMapRef: ['ConfigMap', ['name']],
  configMapKeyRef: ['ConfigMap', ['name']],
  secret: ['Secret', ['secretName', 'name']],
  secretRef: ['Secret', ['name']],
  secretKeyRef: ['Secret', ['name']],
  persistentVolumeClaim: ['PersistentVolumeClaim', ['claimName']],
};

/** Other fields that name an object: of which kind, and in which kinds. */
const elsewhere: readonly (Field & { readonly of: string })[] = [
  { of: 'Service', ...field('StatefulSet', 'spec/serviceName') },
  { of: 'Service', ...field('Ingress', 'spec/rules/http/paths/backend/serviceName') },
  { of: 'Service', ...field('Ingress', 'spec/rules/http/paths/backend/service/name') },
  { of: 'Service', ...field('Ingress', 'spec/backend/serviceName') },
  { of: 'Service', ...field('Ingress', 'spec/defaultBackend/service/name') },
  { of: 'Secret', ...field('Ingress', 'spec/tls/secretName') },
  { of: 'IngressClass', ...field('Ingress', 'spec/ingressClassName') },
  { of: 'PersistentVolume', ...field('PersistentVolumeClaim', 'spec/volumeName') },
  { of: 'StorageClass', ...field('PersistentVolume PersistentVolumeClaim', 'spec/storageClassName') },
  { of: 'StorageClass', ...field('StatefulSet', 'spec/volumeClaimTemplates/spec/storageClassName') },
  { of: 'ValidatingAdmissionPolicy', ...field('ValidatingAdmissionPolicyBinding', 'spec/policyName') },
];

/** Fields that name an object and its namespace. */
const withNamespace: readonly Field[] = [
  field('APIService', 'spec/service'),
  field('ValidatingWebhookConfiguration MutatingWebhookConfiguration', 'webhooks/clientConfig/service'),
];

/**
 * Where objects name others; a renamed object is renamed there too.
 * @param namespace of the object, before anything was moved
 */
export function renameReferences(
  object: KubernetesObject,
  moves: readonly Move[],
  namespace = object.metadata.namespace ?? '',
): KubernetesObject {
  const found = (kind: string, name: unknown, where: string) =>
    moves.find(
      (move) =>
        move.kind === kind &&
        move.name === name &&
        ['*', where].some((one) => [move.namespace, move.to.namespace].includes(one)),
    );
  const rename = (kind: string, name: unknown): unknown => found(kind, name, namespace)?.to.name ?? name;
  const moved = (kind: string, value: unknown): unknown => {
    if (!isMap(value)) return value;
    const to = found(kind, value.name, String(value.namespace ?? namespace))?.to;
    return to ? { ...value, name: to.name, ...(to.namespace ? { namespace: to.namespace } : {}) } : value;
  };
  let changed: unknown = mapDeep(object, (map) => renamedInPod(map, rename));
  for (const one of elsewhere)
    if (one.kinds.includes(object.kind)) changed = changeAt(changed, one, (name) => rename(one.of, name));
  for (const one of withNamespace)
    if (one.kinds.includes(object.kind)) changed = changeAt(changed, one, (value) => moved('Service', value));
  if (/Role(Binding)?$/.test(object.kind)) changed = renamedInRoles(changed as Json, { rename, moved });
  return changed as KubernetesObject;
}

function renamedInPod(map: Json, rename: (kind: string, name: unknown) => unknown): Json {
  const next = { ...map };
  for (const [name, [kind, keys]] of Object.entries(inPods)) {
    const inner = next[name];
    if (!isMap(inner)) continue;
    const given = keys.filter((key) => inner[key] !== undefined);
    next[name] = { ...inner, ...Object.fromEntries(given.map((key) => [key, rename(kind, inner[key])])) };
  }
  if (typeof next.serviceAccountName === 'string')
    next.serviceAccountName = rename('ServiceAccount', next.serviceAccountName);
  if (typeof next.priorityClassName === 'string')
    next.priorityClassName = rename('PriorityClass', next.priorityClassName);
  if (Array.isArray(next.imagePullSecrets))
    next.imagePullSecrets = next.imagePullSecrets.map((entry) =>
      isMap(entry) ? { ...entry, name: rename('Secret', entry.name) } : entry,
    );
  if (isMap(next.scaleTargetRef)) {
    const target = next.scaleTargetRef;
    next.scaleTargetRef = { ...target, name: rename(String(target.kind), target.name) };
  }
  return next;
}

/** Roles name ConfigMaps and Secrets; bindings name a role and service accounts. */
function renamedInRoles(
  object: Json,
  {
    rename,
    moved,
  }: { rename: (kind: string, name: unknown) => unknown; moved: (kind: string, value: unknown) => unknown },
): Json {
  const { rules, roleRef, subjects } = object;
  const next = { ...object };
  if (Array.isArray(rules))
    next.rules = rules.map((rule: unknown) => {
      if (!isMap(rule) || !Array.isArray(rule.resourceNames) || !Array.isArray(rule.resources)) return rule;
      const kinds = { configmaps: 'ConfigMap', secrets: 'Secret' };
      const kind = Object.entries(kinds).find(([plural]) =>
        (rule.resources as unknown[]).includes(plural),
      )?.[1];
      return kind
        ? { ...rule, resourceNames: rule.resourceNames.map((name: unknown) => rename(kind, name)) }
        : rule;
    });
  if (isMap(roleRef)) next.roleRef = { ...roleRef, name: rename(String(roleRef.kind), roleRef.name) };
  if (Array.isArray(subjects))
    next.subjects = subjects.map((subject: unknown) =>
      isMap(subject) && subject.kind === 'ServiceAccount' ? moved('ServiceAccount', subject) : subject,
    );
  return next;
}
