import { apiVersionOf, type KubernetesObject, type ResourceType } from '@tagboat/api';
import type { Column } from './column.ts';

/** What the rows carry beside their cells (meta/v1 IncludeObjectPolicy). */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly columns: readonly Column[];
  readonly includeObject: IncludeObject;
  readonly now: number;
}

export interface TableSource {
  readonly type: ResourceType;
  readonly metadata: object;
  readonly items: readonly KubernetesObject[];
}

/** meta/v1 Table: what `kubectl get` prints. */
export function tableOf({ metadata, items }: TableSource, options: TableOptions): object {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: options.columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
      name,
      type: type === 'date' ? 'string' : type,
      format,
      description,
      priority,
    })),
    rows: items.map((object) => ({
      cells: options.columns.map((column) => column.value(object, options.now)),
      ...included(object, options.includeObject),
    })),
  };
}

function included(object: KubernetesObject, policy: IncludeObject): object {
  if (policy === 'None') return {};
  return { object: policy === 'Object' ? object : partialMetadata(object) };
}

/** meta/v1 PartialObjectMetadata. */
export function partialMetadata(object: KubernetesObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** meta/v1 PartialObjectMetadataList. */
export function partialMetadataList({ metadata, items }: TableSource): object {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    items: items.map(partialMetadata),
  };
}

export const listKind = (type: ResourceType) => ({
  kind: `${type.kind}List`,
  apiVersion: apiVersionOf(type),
});
