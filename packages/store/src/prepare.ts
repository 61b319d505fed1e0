import type { KubernetesObject, ResourceType } from '@tagboat/api';

export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/**
 * A copy that nobody else holds, as JSON would keep it: without undefined fields. Parts that are frozen already are
 * shared, so that a change of status costs no copy of the spec.
 */
export function sealedCopy<T extends KubernetesObject>(object: T): T {
  const copy = shallowCopy(object) as T;
  copy.metadata = shallowCopy(object.metadata) as T['metadata'];
  return copy;
}

function shallowCopy(value: object): object {
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) if (inner !== undefined) copy[key] = copied(inner);
  return copy;
}

function copied(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return value.map((inner) => (inner === undefined ? null : copied(inner)));
  const { toJSON } = value as { toJSON?: () => unknown };
  return typeof toJSON === 'function' ? toJSON.call(value) : shallowCopy(value);
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
  const draft = sealedCopy(part === 'status' ? statusOnto(current, proposed) : proposed);
  if (part === 'all' && hasStatus) draft.status = current.status;
  if (draft.status === undefined) delete draft.status;
  const { uid, creationTimestamp, deletionTimestamp, generation = 1, namespace } = current.metadata;
  const declaredChanged = part === 'all' && !sameDeclaration(draft, current, hasStatus);
  const { deletionTimestamp: _ignored, ...metadata } = draft.metadata;
  draft.metadata = {
    ...metadata,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    generation: declaredChanged ? generation + 1 : generation,
  };
  return draft;
}

/** Managed fields belong to whoever writes, through whatever subresource. */
function statusOnto(current: KubernetesObject, proposed: KubernetesObject): KubernetesObject {
  const { managedFields } = proposed.metadata;
  const metadata = managedFields === undefined ? current.metadata : { ...current.metadata, managedFields };
  return { ...current, metadata, status: proposed.status };
}

function sameDeclaration(a: KubernetesObject, b: KubernetesObject, hasStatus: boolean): boolean {
  const ignored = hasStatus ? ['metadata', 'status'] : ['metadata'];
  return jsonEquals(without(a, ignored), without(b, ignored));
}

function without(object: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)));
}

/** True when nothing but the resourceVersion differs, so that a write can be left out. */
export function contentEquals(a: KubernetesObject, b: KubernetesObject): boolean {
  const content = (object: KubernetesObject) => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: undefined },
  });
  return jsonEquals(content(a), content(b));
}

/** Equal as JSON values: an undefined field is an absent one. */
export function jsonEquals(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => jsonEquals(item, b[index]))
    );
  return sameFields(a as Record<string, unknown>, b as Record<string, unknown>);
}

function sameFields(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  for (const key of Object.keys(a)) if (!jsonEquals(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}
