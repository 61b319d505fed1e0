import { type ResourceType, type TypeRegistry, typeId } from '@tagboat/api';
import { sha256 } from '@tagboat/base';
import { noSuchResource } from './status.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const changing = ['get', 'patch', 'update'];

interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

const podSubresources: readonly Subresource[] = [
  { name: 'log', kind: 'Pod', verbs: ['get'] },
  { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
  { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
];

/** What is served below one object of a type. */
export function subresourcesOf(type: ResourceType): Subresource[] {
  return [
    ...type.subresources.map((name) =>
      name === 'scale'
        ? { name, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: changing }
        : { name, kind: type.kind, verbs: changing },
    ),
    ...(type.group === '' && type.kind === 'Namespace'
      ? [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }]
      : []),
    ...(type.group === '' && type.kind === 'Pod' ? podSubresources : []),
  ];
}

/** Kinds that are asked and not stored: group and version -> resources. */
const virtual: Readonly<Record<string, readonly { plural: string; kind: string; namespaced: boolean }[]>> = {
  'authorization.k8s.io/v1': [
    { plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview', namespaced: false },
    { plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview', namespaced: false },
    { plural: 'subjectaccessreviews', kind: 'SubjectAccessReview', namespaced: false },
    { plural: 'localsubjectaccessreviews', kind: 'LocalSubjectAccessReview', namespaced: true },
  ],
  'authentication.k8s.io/v1': [
    { plural: 'selfsubjectreviews', kind: 'SelfSubjectReview', namespaced: false },
  ],
};

/** Kubernetes' order of versions: v2, v1, v1beta2, v1alpha1. */
function versionRank(version: string): [number, number, number] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (!match) return [0, 0, 0];
  const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
  return [stage, Number(match[1]), Number(match[3] ?? 0)];
}

function newestFirst(a: string, b: string): number {
  const [left, right] = [versionRank(a), versionRank(b)];
  for (let index = 0; index < 3; index++) {
    const by = right[index]! - left[index]!;
    if (by !== 0) return by;
  }
  return a < b ? -1 : 1;
}

/** The groups that are served, with their versions, the core group aside. */
export function groupsOf(types: TypeRegistry): { group: string; versions: string[] }[] {
  const groups = new Map<string, Set<string>>();
  const add = (group: string, version: string) =>
    groups.set(group, (groups.get(group) ?? new Set()).add(version));
  for (const type of types.all()) if (type.group !== '') add(type.group, type.version);
  for (const groupVersion of Object.keys(virtual)) add(...(groupVersion.split('/') as [string, string]));
  return [...groups].map(([group, versions]) => ({ group, versions: [...versions].sort(newestFirst) }));
}

/** meta/v1 APIGroupList. */
export function groupList(types: TypeRegistry): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(types).map(groupObject) };
}

/** meta/v1 APIGroup. @throws `NotFound` */
export function groupOf(types: TypeRegistry, name: string): object {
  const found = groupsOf(types).find(({ group }) => group === name);
  if (!found) throw noSuchResource();
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(found) };
}

function groupObject({ group, versions }: { group: string; versions: readonly string[] }) {
  const all = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: all, preferredVersion: all[0]! };
}

const servedIn = (types: TypeRegistry, group: string, version: string) =>
  types
    .all()
    .filter((type) => type.group === group && type.version === version)
    .sort((a, b) => (typeId(a) < typeId(b) ? -1 : 1));

/** The resources of one group and version (meta/v1 APIResourceList). @throws `NotFound` */
export function resourceList(types: TypeRegistry, group: string, version: string): object {
  const served = servedIn(types, group, version);
  const groupVersion = group === '' ? version : `${group}/${version}`;
  const asked = virtual[groupVersion] ?? [];
  if (served.length === 0 && asked.length === 0) throw noSuchResource();
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [
      ...served.flatMap((type) => [
        {
          name: type.plural,
          singularName: type.singular,
          namespaced: type.namespaced,
          kind: type.kind,
          verbs,
          ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
          ...(type.categories ? { categories: type.categories } : {}),
        },
        ...subresourcesOf(type).map(({ name, ...rest }) => ({
          name: `${type.plural}/${name}`,
          singularName: '',
          namespaced: type.namespaced,
          ...rest,
        })),
      ]),
      ...asked.map(({ plural, kind, namespaced }) => ({
        name: plural,
        singularName: kind.toLowerCase(),
        namespaced,
        kind,
        verbs: ['create'],
      })),
    ],
  };
}

/** apidiscovery.k8s.io/v2 APIGroupDiscoveryList: everything in one answer, of the core group or of all others. */
export function aggregatedDiscovery(types: TypeRegistry, core: boolean): { body: string; etag: string } {
  const groups = core ? [{ group: '', versions: ['v1'] }] : groupsOf(types);
  const body = JSON.stringify({
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map((version) => ({
        version,
        freshness: 'Current',
        resources: [
          ...servedIn(types, group, version).map(discoveredType),
          ...(virtual[`${group}/${version}`] ?? []).map(({ plural, kind, namespaced }) => ({
            resource: plural,
            responseKind: { group, version, kind },
            scope: namespaced ? 'Namespaced' : 'Cluster',
            singularResource: kind.toLowerCase(),
            verbs: ['create'],
          })),
        ],
      })),
    })),
  });
  return { body, etag: `"${sha256(body)}"` };
}

function discoveredType(type: ResourceType): object {
  const { group, version, kind } = type;
  const subresources = subresourcesOf(type).map((sub) => ({
    subresource: sub.name,
    responseKind: { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: type.plural,
    responseKind: { group, version, kind },
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs,
    ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
    ...(type.categories ? { categories: type.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}
