import { type ResourceType, type TypeRegistry, typeId } from '@tagboat/api';
import { notFound } from '@tagboat/base';

/** What a path of the Kubernetes API names (apimachinery `RequestInfo`). */
export interface ResourcePath {
  readonly type: ResourceType;
  /** Absent: all namespaces, or a cluster-scoped kind. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/**
 * Reads `/api/v1/...` and `/apis/<group>/<version>/...`.
 * @throws `NotFound` when no such kind is served
 */
export function parseResourcePath(path: string, types: TypeRegistry): ResourcePath {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  const [group, version, ...rest] = parts[0] === 'api' ? ['', ...parts.slice(1)] : parts.slice(1);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2 && !isNamespaceSubresource(rest);
  const [plural, name, subresource] = namespaced ? rest.slice(2) : rest;
  const type = types
    .all()
    .find((known) => known.group === group && known.version === version && known.plural === plural);
  if (!type) throw notFound('the server could not find the requested resource');
  return {
    type,
    ...(namespaced ? { namespace: rest[1]! } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource: rest.slice(namespaced ? 4 : 2).join('/') }),
  };
}

const isNamespaceSubresource = (rest: readonly string[]) =>
  rest.length === 3 && (rest[2] === 'status' || rest[2] === 'finalize');

/** The groups that are served, with their versions, the core group aside. */
export function groupsOf(types: TypeRegistry): { group: string; versions: string[] }[] {
  const groups = new Map<string, Set<string>>();
  for (const type of types.all())
    if (type.group !== '') groups.set(type.group, (groups.get(type.group) ?? new Set()).add(type.version));
  return [...groups].map(([group, versions]) => ({ group, versions: [...versions] }));
}

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** The resources of one group and version (meta/v1 APIResourceList). */
export function resourceList(types: TypeRegistry, group: string, version: string): unknown {
  const served = types.all().filter((type) => type.group === group && type.version === version);
  if (served.length === 0) throw notFound('the server could not find the requested resource');
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: served
      .sort((a, b) => (typeId(a) < typeId(b) ? -1 : 1))
      .flatMap((type) => [
        {
          name: type.plural,
          singularName: type.singular,
          namespaced: type.namespaced,
          kind: type.kind,
          verbs,
          shortNames: type.shortNames,
        },
        ...type.subresources.map((sub) => ({
          name: `${type.plural}/${sub}`,
          singularName: '',
          namespaced: type.namespaced,
          kind: sub === 'scale' ? 'Scale' : type.kind,
          ...(sub === 'scale' ? { group: 'autoscaling', version: 'v1' } : {}),
          verbs: ['get', 'patch', 'update'],
        })),
      ]),
  };
}
