import type { KubernetesObject, ResourceType } from '@tagboat/api';
import { badRequest, StatusError } from './status.ts';
import type { Column } from './table/column.ts';
import { type IncludeObject, partialMetadata, tableOf } from './table/table.ts';

/** How objects are shown: as they are, as rows of a table, or by their metadata alone. */
export interface Format {
  readonly as: 'object' | 'table' | 'metadata';
  readonly includeObject: IncludeObject;
}

const plain: Format = { as: 'object', includeObject: 'Metadata' };

/** Reads an Accept header. @throws `NotAcceptable` when nothing of it is served */
export function formatOf(accept: string | undefined, includeObject: string | undefined): Format {
  if (!accept) return plain;
  for (const part of accept.split(',')) {
    const [media, ...parameters] = part.split(';').map((text) => text.trim());
    if (!/^(application\/json|application\/yaml|application\/\*|\*\/\*|text\/html)$/.test(media!)) continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
    if (as === undefined) return plain;
    if (as === 'Table') return { as: 'table', includeObject: includePolicy(includeObject) };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { as: 'metadata', includeObject: 'Metadata' };
  }
  throw new StatusError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;as=Table, application/json;as=PartialObjectMetadata',
  );
}

function includePolicy(text: string | undefined): IncludeObject {
  if (text === undefined || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw badRequest(`expected includeObject None, Metadata or Object, found "${text}"`);
}

export interface Shown {
  readonly type: ResourceType;
  readonly format: Format;
  readonly columns: readonly Column[];
  readonly now: number;
}

/** One object in the wanted format. */
export function represent(object: KubernetesObject, shown: Shown): object {
  switch (shown.format.as) {
    case 'table':
      return tableOf(
        {
          type: shown.type,
          metadata: { resourceVersion: object.metadata.resourceVersion },
          items: [object],
        },
        { columns: shown.columns, includeObject: shown.format.includeObject, now: shown.now },
      );
    case 'metadata':
      return partialMetadata(object);
    default:
      return object;
  }
}
