import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject, ResourceType } from '@tagboat/api';

export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

interface Update {
  readonly type: ResourceType;
  readonly current: KubernetesObject;
  readonly proposed: KubernetesObject;
  readonly part: 'all' | 'status';
}

/**
 * The object that an update leads to: identity fields stay, a status update changes only status, any other only what
 * is not status, and generation counts changes of what is declared (API conventions, "metadata" and "spec and status").
 */
export function prepareUpdate({ type, current, proposed, part }: Update): KubernetesObject {
  const hasStatus = type.subresources.includes('status');
  const draft = structuredClone(part === 'status' ? { ...current, status: proposed.status } : proposed);
  if (part === 'all' && hasStatus) draft.status = structuredClone(current.status);
  if (draft.status === undefined) delete draft.status;
  const { uid, creationTimestamp, deletionTimestamp, generation = 1, namespace } = current.metadata;
  const declaredChanged =
    part === 'all' && !isDeepStrictEqual(declared(draft, hasStatus), declared(current, hasStatus));
  draft.metadata = {
    ...draft.metadata,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    generation: declaredChanged ? generation + 1 : generation,
  };
  return draft;
}

function declared(object: KubernetesObject, hasStatus: boolean): object {
  const { metadata: _metadata, status, ...rest } = object;
  return JSON.parse(JSON.stringify(hasStatus ? rest : { ...rest, status })) as object;
}

/** True when nothing but the resourceVersion differs, so that a write can be left out. */
export function contentEquals(a: KubernetesObject, b: KubernetesObject): boolean {
  const content = (object: KubernetesObject) =>
    JSON.parse(
      JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: '' } }),
    ) as object;
  return isDeepStrictEqual(content(a), content(b));
}
