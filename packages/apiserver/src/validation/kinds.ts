import {
  type Container,
  type KubernetesObject,
  type LabelSelector,
  matchesLabels,
  type PodSpec,
  type PodTemplate,
  type ResourceType,
  selectorRequirements,
} from '@tagboat/api';
import { jsonEquals } from '@tagboat/store';
import { type CustomDefinition, definitionCauses } from '../custom/definition.ts';
import type { Cause } from '../status.ts';
import { gitRepositoryCauses } from './git-repository.ts';
import { isDnsLabel } from './metadata.ts';
import { shown } from './values.ts';

const invalidValue = (field: string, value: unknown, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}: ${message}`,
  field,
});
const required = (field: string, message = ''): Cause => ({
  reason: 'FieldValueRequired',
  message: message ? `Required value: ${message}` : 'Required value',
  field,
});

type Spec = Record<string, unknown> & {
  selector?: LabelSelector;
  template?: PodTemplate;
  replicas?: number;
};

const templated = new Set(['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet']);

/** What the schema cannot say about Kubernetes' own kinds: rules between fields. */
export function kindCauses(type: ResourceType, object: KubernetesObject): Cause[] {
  const spec = object.spec as Spec | undefined;
  if (type.group === 'apps' && templated.has(type.kind))
    return spec ? templateCauses(spec) : [required('spec')];
  if (type.group === 'batch' && type.kind === 'Job')
    return spec?.template ? jobCauses(spec.template, 'spec.template') : [];
  if (type.group === '' && type.kind === 'Pod')
    return spec ? podCauses(spec as unknown as PodSpec, 'spec') : [];
  if (type.group === 'pipelinesascode.tekton.dev') return gitRepositoryCauses(spec ?? {});
  if (type.kind === 'CustomResourceDefinition') return definitionCauses(object as CustomDefinition);
  if (type.group === '' && type.kind === 'ConfigMap') return dataCauses(object, ['data', 'binaryData']);
  if (type.group === '' && type.kind === 'Secret') return dataCauses(object, ['data', 'stringData']);
  return [];
}

/** What a ConfigMap or a Secret may hold in all (core/v1 `MaxSecretSize`). */
const mostData = 2 ** 20;

function dataCauses(object: KubernetesObject, fields: readonly string[]): Cause[] {
  const maps = object as unknown as Record<string, Record<string, unknown> | undefined>;
  const values = fields.flatMap((field) => Object.values(maps[field] ?? {}));
  const size = values.reduce<number>((sum, value) => sum + String(value).length, 0);
  const causes = dataKeyCauses(object, fields);
  // Base64 is longer than what it says.
  const most = object.kind === 'Secret' ? Math.ceil((mostData * 4) / 3) : mostData;
  return size <= most
    ? causes
    : [
        ...causes,
        {
          reason: 'FieldValueTooLong',
          message: `Too long: may not be more than ${mostData} bytes`,
          field: 'data',
        },
      ];
}

function templateCauses(spec: Spec): Cause[] {
  const causes: Cause[] = [];
  if ((spec.replicas ?? 0) < 0)
    causes.push(invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'));
  const { selector, template } = spec;
  if (!selector || !template) return causes;
  const requirements = selectorRequirements(selector);
  if (requirements.length === 0)
    causes.push(invalidValue('spec.selector', selector, 'empty selector is invalid for deployment'));
  else if (!matchesLabels(template.metadata?.labels, requirements))
    causes.push(
      invalidValue(
        'spec.template.metadata.labels',
        template.metadata?.labels ?? {},
        '`selector` does not match template `labels`',
      ),
    );
  if (template.spec) {
    causes.push(...podCauses(template.spec, 'spec.template.spec'));
    if (template.spec.restartPolicy && template.spec.restartPolicy !== 'Always')
      causes.push({
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: "${template.spec.restartPolicy}": supported values: "Always"`,
        field: 'spec.template.spec.restartPolicy',
      });
  }
  return causes;
}

function jobCauses(template: PodTemplate, field: string): Cause[] {
  const causes = template.spec ? podCauses(template.spec, `${field}.spec`) : [];
  const policy = template.spec?.restartPolicy;
  if (policy !== 'OnFailure' && policy !== 'Never')
    causes.push(
      policy === undefined || policy === 'Always'
        ? required(`${field}.spec.restartPolicy`, 'valid values: "OnFailure", "Never"')
        : invalidValue(`${field}.spec.restartPolicy`, policy, 'valid values: "OnFailure", "Never"'),
    );
  return causes;
}

function podCauses(spec: PodSpec, field: string): Cause[] {
  const containers = spec.containers ?? [];
  const causes: Cause[] = [];
  if (containers.length === 0) causes.push(required(`${field}.containers`));
  const seen = new Set<string>();
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (spec[list] ?? []).entries())
      causes.push(...containerCauses(container, `${field}.${list}[${index}]`, seen));
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (spec[list] ?? []).entries())
      for (const [at, mount] of (container.volumeMounts ?? []).entries())
        if (!volumes.has(mount.name))
          causes.push({
            reason: 'FieldValueNotFound',
            message: `Not found: ${shown(mount.name)}`,
            field: `${field}.${list}[${index}].volumeMounts[${at}].name`,
          });
  return causes;
}

function containerCauses(container: Container, field: string, seen: Set<string>): Cause[] {
  const causes: Cause[] = [];
  if (!container.name) causes.push(required(`${field}.name`));
  else if (!isDnsLabel(container.name))
    causes.push(invalidValue(`${field}.name`, container.name, 'a lowercase RFC 1123 label is expected'));
  else if (seen.has(container.name))
    causes.push({
      reason: 'FieldValueDuplicate',
      message: `Duplicate value: ${shown(container.name)}`,
      field: `${field}.name`,
    });
  seen.add(container.name);
  if (!container.image) causes.push(required(`${field}.image`));
  return causes;
}

const dataKey = /^[-._a-zA-Z0-9]{1,253}$/;

function dataKeyCauses(object: KubernetesObject, maps: readonly string[]): Cause[] {
  return maps.flatMap((map) =>
    Object.keys((object as unknown as Record<string, object>)[map] ?? {})
      .filter((key) => !dataKey.test(key) || key === '.' || key === '..')
      .map((key) =>
        invalidValue(
          `${map}[${key}]`,
          key,
          'a valid config key must consist of alphanumeric characters, "-", "_" or "."',
        ),
      ),
  );
}

/** Fields that are set once and for all: kind -> paths. */
const immutable: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'apps/Deployment': [['spec', 'selector']],
  'apps/ReplicaSet': [['spec', 'selector']],
  'apps/DaemonSet': [['spec', 'selector']],
  'apps/StatefulSet': [
    ['spec', 'selector'],
    ['spec', 'serviceName'],
    ['spec', 'volumeClaimTemplates'],
  ],
  'batch/Job': [
    ['spec', 'template'],
    ['spec', 'selector'],
    ['spec', 'completionMode'],
  ],
  '/PersistentVolumeClaim': [
    ['spec', 'accessModes'],
    ['spec', 'storageClassName'],
  ],
  '/Secret': [['type']],
};

/** What an update of a kind may not change. */
export function updateCauses(type: ResourceType, current: KubernetesObject, next: KubernetesObject): Cause[] {
  const causes: Cause[] = [];
  for (const path of immutable[`${type.group}/${type.kind}`] ?? []) {
    const before = at(current, path);
    // A field that was never set may still get its default.
    if (before !== undefined && !jsonEquals(before, at(next, path)))
      causes.push(invalidValue(path.join('.'), at(next, path), 'field is immutable'));
  }
  if (type.group === '' && ['ConfigMap', 'Secret'].includes(type.kind))
    causes.push(...frozenCauses(current, next));
  if (type.group === '' && type.kind === 'Pod') causes.push(...podUpdateCauses(current, next));
  return causes;
}

function frozenCauses(current: KubernetesObject, next: KubernetesObject): Cause[] {
  if (!(current as { immutable?: boolean }).immutable) return [];
  return ['data', 'binaryData', 'immutable']
    .filter((field) => !jsonEquals(at(current, [field]), at(next, [field])))
    .map((field) => ({
      reason: 'FieldValueForbidden',
      message: 'Forbidden: field is immutable when `immutable` is set',
      field,
    }));
}

const podRule =
  'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function podUpdateCauses(current: KubernetesObject, next: KubernetesObject): Cause[] {
  const fixed = (object: KubernetesObject) => {
    const spec = structuredClone(object.spec ?? {}) as PodSpec;
    for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
      delete container.image;
    return { ...spec, activeDeadlineSeconds: 0, tolerations: [], terminationGracePeriodSeconds: 0 };
  };
  if (jsonEquals(fixed(current), fixed(next))) return [];
  return [{ reason: 'FieldValueForbidden', message: podRule, field: 'spec' }];
}

function at(object: unknown, path: readonly string[]): unknown {
  let found = object;
  for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
  return found;
}
