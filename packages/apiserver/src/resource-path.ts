import type { ResourceKey, ResourceType, TypeRegistry } from '@tagboat/api';
import { badRequest, noSuchResource } from './status.ts';

/** What a path of the Kubernetes API names (apimachinery `RequestInfo`). */
export interface ResourcePath {
  readonly type: ResourceType;
  /** Absent: all namespaces, or a cluster-scoped kind. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  /** The old form `/api/v1/watch/...`. */
  readonly watch?: true;
}

/**
 * Reads `/api/v1/...` and `/apis/<group>/<version>/...`.
 * @throws `NotFound` when no such kind is served
 */
export function parseResourcePath(path: string, types: TypeRegistry): ResourcePath {
  const parts = path.split('/').filter(Boolean).map(decoded);
  const core = parts[0] === 'api';
  const apiVersion = core ? parts[1] : `${parts[1]}/${parts[2]}`;
  const all = parts.slice(core ? 2 : 3);
  const watch = all[0] === 'watch' && all.length > 1;
  const rest = watch ? all.slice(1) : all;
  const namespaced = rest[0] === 'namespaces' && rest.length > 2 && !isNamespaceSubresource(rest);
  const [plural = '', name, subresource] = namespaced ? rest.slice(2) : rest;
  const type = types.findPlural(apiVersion ?? '', plural);
  if (!type || (namespaced && !type.namespaced)) throw noSuchResource();
  return {
    type,
    ...(namespaced ? { namespace: rest[1]! } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource: rest.slice(namespaced ? 4 : 2).join('/') }),
    ...(watch ? { watch } : {}),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`cannot read the path at "${part.slice(0, 40)}"`);
  }
}

const isNamespaceSubresource = (rest: readonly string[]) =>
  rest.length === 3 && (rest[2] === 'status' || rest[2] === 'finalize');

/** @throws `BadRequest` where the path names a collection */
export function keyFor({ type, namespace, name }: ResourcePath): ResourceKey {
  if (name === undefined) throw badRequest('expected the name of an object');
  return { type, namespace: type.namespaced ? (namespace ?? '') : '', name };
}

/** Whether an address is that of exec, attach or port-forward. */
export const isPodStream = ({ pathname }: URL): boolean =>
  /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/(exec|attach|portforward)$/.test(pathname);
