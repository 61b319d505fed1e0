import type { KubernetesObject } from '@tagboat/api';
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { Definitions } from './schema/schema.ts';
import type { KindSchema } from './schema/schemas.ts';
import { badRequest, StatusError } from './status.ts';
import { StrategicMerge } from './strategic-merge.ts';

/** The content types of PATCH (apimachinery `types.PatchType`). */
export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

/** More operations than this make one patch a burden for everybody else. */
const maxOperations = 10_000;

/** Bytes that the `copy` operations of one patch add: each may double what those before it made. */
const mostCopied = 3 * 2 ** 20;

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

export interface Patch {
  /** One of `patchTypes`, without parameters. */
  readonly type: string;
  readonly body: string;
}

/** The object after a patch of any kind but apply. @throws `BadRequest`, `Invalid`, `UnsupportedMediaType` */
export function patched(
  object: KubernetesObject,
  patch: Patch,
  { schema, native, definitions }: KindSchema & { definitions: Definitions },
): KubernetesObject {
  switch (patch.type) {
    case 'application/json-patch+json':
      return jsonPatched(object, patch.body);
    case 'application/merge-patch+json':
      return mergePatch(object, objectOf(patch.body)) as KubernetesObject;
    case 'application/strategic-merge-patch+json':
      if (!native) break;
      return new StrategicMerge(definitions).merge(object, objectOf(patch.body), schema) as KubernetesObject;
    default:
  }
  const accepted = patchTypes.filter((type) => native || !type.includes('strategic'));
  throw new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`the body is no JSON: ${(error as Error).message}`);
  }
}

function objectOf(text: string): object {
  const value = json(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('expected an object as the patch');
  return value;
}

function jsonPatched(object: KubernetesObject, body: string): KubernetesObject {
  const operations = json(body);
  if (!Array.isArray(operations)) throw badRequest('expected a list of JSON patch operations');
  if (operations.length > maxOperations)
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `expected at most ${maxOperations} JSON patch operations`,
    );
  try {
    let patched = structuredClone(object);
    let copied = 0;
    for (const operation of operations) {
      copied += copiedBy(operation, patched);
      if (copied > mostCopied)
        throw new StatusError(
          413,
          'RequestEntityTooLarge',
          `expected copy operations of at most ${mostCopied} bytes together`,
        );
      patched = jsonPatch.applyOperation(patched, orAdded(operation, patched), true).newDocument;
    }
    return patched;
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const { message, name } = error as Error;
    throw new StatusError(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: ${name}: ${message.split('\n')[0]}`,
    );
  }
}

/** Bytes of what an operation copies. */
function copiedBy(operation: Operation, object: object): number {
  if (operation?.op !== 'copy' || typeof operation.from !== 'string') return 0;
  const value: unknown = jsonPatch.getValueByPointer(object, operation.from);
  return (JSON.stringify(value) ?? '').length;
}

/** `replace` of a field that is not there adds it, as Kubernetes' library does and its clients expect, against RFC 6902. */
function orAdded(operation: Operation, object: object): Operation {
  if (operation?.op !== 'replace' || typeof operation.path !== 'string') return operation;
  const end = operation.path.lastIndexOf('/');
  if (end < 0) return operation;
  const parent: unknown = jsonPatch.getValueByPointer(object, operation.path.slice(0, end));
  const name = jsonPatch.unescapePathComponent(operation.path.slice(end + 1));
  if (parent === null || typeof parent !== 'object' || Array.isArray(parent) || Object.hasOwn(parent, name))
    return operation;
  return { ...operation, op: 'add' };
}
