import type { KubernetesObject, ResourceType } from '@tagboat/api';
import type { Cause } from '../status.ts';
import { shown } from './values.ts';

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualified = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const annotationsLimit = 256 * 1024;

const subdomainRule =
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "-" or ".", and must start and end with an alphanumeric character';
const labelRule =
  'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "-", and must start and end with an alphanumeric character';

export const isDnsLabel = (text: string) => text.length <= 63 && label.test(text);
export const isDnsSubdomain = (text: string) => text.length <= 253 && subdomain.test(text);

const invalidValue = (field: string, value: unknown, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}: ${message}`,
  field,
});

/** Kinds whose names are DNS labels, since they become host names (apimachinery validation). */
const labelNames = new Set(['Namespace', 'Service']);

/** What is wrong with an object's metadata. */
export function metadataCauses(type: ResourceType, object: KubernetesObject): Cause[] {
  const { metadata } = object;
  return [
    ...nameCauses(type, metadata.name, metadata.generateName),
    ...labelCauses(metadata.labels, 'metadata.labels'),
    ...annotationCauses(metadata.annotations),
    ...(metadata.finalizers ?? [])
      .filter((name) => typeof name === 'string' && !isQualifiedName(name))
      .map((name) =>
        invalidValue(
          'metadata.finalizers',
          name,
          'name is neither a standard finalizer name nor is it fully qualified',
        ),
      ),
    ...ownerCauses(object),
  ];
}

function nameCauses(type: ResourceType, name: string | undefined, generateName: string | undefined): Cause[] {
  if (!name) {
    if (generateName) return [];
    return [
      {
        reason: 'FieldValueRequired',
        message: 'Required value: name or generateName is required',
        field: 'metadata.name',
      },
    ];
  }
  if (labelNames.has(type.kind) && type.group === '')
    return isDnsLabel(name) ? [] : [invalidValue('metadata.name', name, labelRule)];
  return isDnsSubdomain(name) ? [] : [invalidValue('metadata.name', name, subdomainRule)];
}

export function labelCauses(labels: Readonly<Record<string, unknown>> | undefined, field: string): Cause[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => {
    if (!isQualifiedName(key))
      return [
        invalidValue(
          field,
          key,
          'name part must consist of alphanumeric characters, "-", "_" or ".", with an optional DNS subdomain prefix and "/"',
        ),
      ];
    if (typeof value !== 'string') return [];
    const fits = value === '' || (value.length <= 63 && qualified.test(value));
    return fits
      ? []
      : [
          invalidValue(
            field,
            value,
            'a valid label must be an empty string or consist of alphanumeric characters, "-", "_" or ".", and must start and end with an alphanumeric character, at most 63 of them',
          ),
        ];
  });
}

function annotationCauses(annotations: Readonly<Record<string, unknown>> | undefined): Cause[] {
  let size = 0;
  const causes: Cause[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    if (!isQualifiedName(key.toLowerCase()))
      causes.push(
        invalidValue(
          'metadata.annotations',
          key,
          'name part must consist of alphanumeric characters, "-", "_" or "."',
        ),
      );
    size += key.length + String(value).length;
  }
  if (size > annotationsLimit)
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${annotationsLimit} bytes`,
      field: 'metadata.annotations',
    });
  return causes;
}

function ownerCauses({ metadata }: KubernetesObject): Cause[] {
  const owners = metadata.ownerReferences;
  if (!Array.isArray(owners)) return [];
  const controllers = owners.filter((owner) => owner?.controller);
  if (controllers.length < 2) return [];
  return [
    invalidValue(
      'metadata.ownerReferences',
      controllers.map(({ name }) => name),
      'Only one reference can have Controller set to true',
    ),
  ];
}

/** `prefix.example/name` or `name` (apimachinery IsQualifiedName). */
export function isQualifiedName(text: string): boolean {
  const parts = text.split('/');
  const name = parts.at(-1)!;
  return (
    parts.length <= 2 &&
    name.length <= 63 &&
    qualified.test(name) &&
    (parts.length === 1 || isDnsSubdomain(parts[0]!))
  );
}

/** What an update may not change of the metadata. */
export function metadataUpdateCauses(current: KubernetesObject, next: KubernetesObject): Cause[] {
  if (!current.metadata.deletionTimestamp) return [];
  const before = new Set(current.metadata.finalizers);
  const added = (next.metadata.finalizers ?? []).filter((name) => !before.has(name));
  if (added.length === 0) return [];
  return [
    {
      reason: 'FieldValueForbidden',
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${shown(added)}`,
      field: 'metadata.finalizers',
    },
  ];
}
