import type { ResourceType } from '@tagboat/api';
import { isReason, type TagboatError } from '@tagboat/base';
import type { ResourcePath } from './resource-path.ts';
import { missingObject, StatusError } from './status.ts';

const retries = 5;

/** An error of the store as Kubernetes tells it; others as they are. */
export function storeError(path: ResourcePath, error: unknown): unknown {
  if (isReason(error, 'Conflict')) return conflictOn(path);
  if (isReason(error, 'NotFound')) return missingObject(path.type, path.name);
  if (!isReason(error, 'AlreadyExists')) return error;
  const { message } = error as TagboatError;
  const name = /(\S+) already exists$/.exec(message)?.[1]?.split('/').at(-1) ?? '';
  return new StatusError(409, 'AlreadyExists', `${resourceName(path.type)} "${name}" already exists`, {
    name,
    group: path.type.group,
    kind: path.type.plural,
  });
}

/** 409: somebody else wrote the object in between. */
export function conflictOn({ type, name = '' }: ResourcePath): StatusError {
  const change =
    'the object has been modified; please apply your changes to the latest version and try again';
  const message = `Operation cannot be fulfilled on ${resourceName(type)} "${name}": ${change}`;
  return new StatusError(409, 'Conflict', message, { name, group: type.group, kind: type.plural });
}

/** Makes a change again on what another write left, where it lost only against that. */
export async function repeatedOnConflict<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = retries; ; left--)
    try {
      return await attempt();
    } catch (error) {
      const lost = isReason(error, 'Conflict') && error instanceof StatusError && !error.details.causes;
      if (!lost || left === 0) throw error;
    }
}

const resourceName = (type: Pick<ResourceType, 'plural' | 'group'>) =>
  type.group ? `${type.plural}.${type.group}` : type.plural;
