import { isMap, type Json } from './fields.ts';

/**
 * Lists of built-in kinds whose items are told apart by keys (`patchMergeKey` and `x-kubernetes-list-map-keys` of the API
 * types); all others are replaced. Of several keys those count that the items have.
 */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  resourceClaims: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  conditions: ['type'],
  ownerReferences: ['uid'],
};

/** Of containers, and of Services; the ports of other kinds have no keys. */
const portKeys = { Service: ['port', 'protocol'], other: ['containerPort', 'protocol'] };

/** Lists of texts to which a patch adds. */
const mergedTexts = new Set(['finalizers']);

const builtInGroups = /^(v1|(apps|batch|autoscaling|policy|extensions)\/|[\w.]+\.k8s\.io\/)/;

/** What decides how lists of an object merge; undefined: they are replaced. */
interface Kind {
  readonly kind: string;
}

/**
 * A strategic merge patch as kustomize has it: maps merge, null removes, lists of built-in kinds merge by key and understand
 * `$patch: delete|replace`, what a patch names comes first; lists of other kinds are replaced.
 */
export function strategicMergePatch<T extends object>(object: T, patch: object): T {
  const { apiVersion = '', kind = '' } = object as Json;
  const isBuiltIn = builtInGroups.test(String(apiVersion));
  return mergeMap(object as Json, patch as Json, isBuiltIn ? { kind: String(kind) } : undefined) as T;
}

function mergeMap(base: Json, patch: Json, kind: Kind | undefined): Json {
  if (patch.$patch === 'replace') {
    const { $patch: _, ...rest } = patch;
    return rest;
  }
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key.startsWith('$setElementOrder/')) continue;
    const [, primitive] = /^\$deleteFromPrimitiveList\/(.*)$/.exec(key) ?? [];
    if (primitive !== undefined) removeFrom(merged, primitive, value);
    else if (value === null || (isMap(value) && value.$patch === 'delete')) merged.delete(key);
    else merged.set(key, mergeValue(merged.get(key), value, kind && { key, ...kind }));
  }
  // Keys such as __proto__ stay keys.
  return Object.fromEntries(merged);
}

function mergeValue(
  before: unknown,
  value: unknown,
  at: (Kind & { readonly key: string }) | undefined,
): unknown {
  if (isMap(value)) return mergeMap(isMap(before) ? before : {}, value, at && { kind: at.kind });
  return Array.isArray(value) && at ? mergeList(before, value, at) : value;
}

function removeFrom(map: Map<string, unknown>, key: string, removed: unknown): void {
  const before = map.get(key);
  if (Array.isArray(before) && Array.isArray(removed))
    map.set(
      key,
      before.filter((item) => !removed.includes(item)),
    );
}

function keysOf(key: string, kind: string): readonly string[] | undefined {
  if (key !== 'ports') return mergeKeys[key];
  if (kind === 'Service') return portKeys.Service;
  return ['NetworkPolicy', 'Endpoints', 'EndpointSlice'].includes(kind) ? undefined : portKeys.other;
}

function mergeList(
  base: unknown,
  patch: readonly unknown[],
  { key, kind }: Kind & { readonly key: string },
): unknown[] {
  const existing: readonly unknown[] = Array.isArray(base) ? base : [];
  if (mergedTexts.has(key)) return [...new Set([...patch, ...existing])];
  const keys = keysOf(key, kind);
  const items = patch.filter(
    (item) => !(isMap(item) && item.$patch === 'replace' && Object.keys(item).length === 1),
  );
  if (items.length < patch.length || !keys || ![...patch, ...existing].every(isMap)) return [...items];
  const { merged, added } = mergeItems(existing as Json[], items as Json[], { keys, kind });
  if (keys.length > 1) return [...added.map(({ item }) => item), ...merged];
  // With one key the patch's own order comes first.
  const named = [
    ...added,
    ...merged.flatMap((item, at) => ({ item, at: orderIn(items as Json[], item, keys[0]!) ?? -1 - at })),
  ];
  const first = named.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
  return [...first, ...named.filter(({ at }) => at < 0)].map(({ item }) => item);
}

function orderIn(items: readonly Json[], item: Json, key: string): number | undefined {
  const at = items.findIndex((candidate) => candidate[key] === item[key]);
  return at < 0 ? undefined : at;
}

/** The items that were there, changed, and those that the patch adds, with their places in it. */
function mergeItems(
  existing: readonly Json[],
  items: readonly Json[],
  { keys, kind }: { keys: readonly string[]; kind: string },
): { merged: Json[]; added: { item: Json; at: number }[] } {
  const merged = [...existing];
  const added: { item: Json; at: number }[] = [];
  for (const [at, item] of items.entries()) {
    // A port without a protocol means any of its number.
    const given = keys.filter((key) => item[key] !== undefined);
    const same = (candidate: Json) =>
      given.length > 0 &&
      given.every(
        (key, index) => candidate[key] === item[key] || (index > 0 && candidate[key] === undefined),
      );
    const index = merged.findIndex(same);
    if (item.$patch === 'delete') {
      if (index >= 0) merged.splice(index, 1);
    } else if (index >= 0) merged[index] = mergeMap(merged[index]!, item, { kind });
    else added.push({ item: mergeMap({}, item, { kind }), at });
  }
  return { merged, added };
}
