import {
  apiVersionOf,
  type FieldRequirement,
  type Requirement,
  type ResourceKey,
  type ResourceType,
} from '@tagboat/api';
import type { Query } from '@tagboat/store';

/** The path of a collection, or of one object in it, or of a subresource of that. */
export function pathOf(
  type: ResourceType,
  {
    namespace,
    name,
    subresource,
  }: { namespace?: string | undefined; name?: string; subresource?: string } = {},
): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${apiVersionOf(type)}`;
  const scope = type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${type.plural}${object}${subresource ? `/${subresource}` : ''}`;
}

export const pathOfKey = (key: ResourceKey, subresource?: string) =>
  pathOf(key.type, { namespace: key.namespace, name: key.name, ...(subresource ? { subresource } : {}) });

/** The query parameters of a list or watch. */
export function parametersOf(query: Query): Record<string, string> {
  const fields = [
    ...(query.fields ?? []),
    ...(query.name === undefined ? [] : [{ path: ['metadata', 'name'], equal: true, value: query.name }]),
  ];
  return {
    ...(query.labels?.length ? { labelSelector: query.labels.map(labelText).join(',') } : {}),
    ...(fields.length > 0 ? { fieldSelector: fields.map(fieldText).join(',') } : {}),
    ...(query.limit ? { limit: String(query.limit) } : {}),
    ...(query.continue ? { continue: query.continue } : {}),
    ...(query.revision === undefined
      ? {}
      : { resourceVersion: query.revision, resourceVersionMatch: 'Exact' }),
  };
}

function labelText({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'In':
      return `${key} in (${values.join(',')})`;
    case 'NotIn':
      return `${key} notin (${values.join(',')})`;
  }
}

const fieldText = ({ path, equal, value }: FieldRequirement) =>
  `${path.join('.')}${equal ? '=' : '!='}${value.replace(/[\\,=]/g, '\\$&')}`;
