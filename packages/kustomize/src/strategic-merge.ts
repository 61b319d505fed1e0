type Json = Record<string, unknown>;

const isMap = (value: unknown): value is Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Lists of built-in kinds that merge by a key (the `patchMergeKey` of the API types); others are replaced. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  ports: ['containerPort', 'port'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  subjects: ['name'],
  secrets: ['name'],
};

const builtInGroups = /^(v1|(apps|batch|autoscaling|policy|extensions)\/|[\w.]+\.k8s\.io\/)/;

/**
 * A strategic merge patch (Kubernetes API conventions): maps merge, null removes, lists of built-in kinds merge by key
 * and understand `$patch: delete|replace`; lists of other kinds are replaced.
 */
export function strategicMergePatch<T extends object>(object: T, patch: object): T {
  const apiVersion = String((object as Json).apiVersion ?? '');
  return mergeMap(object as Json, patch as Json, builtInGroups.test(apiVersion)) as T;
}

function mergeMap(base: Json, patch: Json, byKey: boolean): Json {
  if (patch.$patch === 'replace') {
    const { $patch: _, ...rest } = patch;
    return rest;
  }
  const merged: Json = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (
      key === '$patch' ||
      key.startsWith('$setElementOrder/') ||
      key.startsWith('$deleteFromPrimitiveList/')
    )
      continue;
    if (value === null) delete merged[key];
    else if (isMap(value) && value.$patch === 'delete') delete merged[key];
    else if (isMap(value))
      merged[key] = mergeMap(isMap(merged[key]) ? (merged[key] as Json) : {}, value, byKey);
    else if (Array.isArray(value) && byKey) merged[key] = mergeList(merged[key], value, key);
    else merged[key] = value;
  }
  return merged;
}

function mergeList(base: unknown, patch: readonly unknown[], field: string): unknown[] {
  const keys = mergeKeys[field];
  const existing = Array.isArray(base) ? (base as unknown[]) : [];
  const items = patch.filter(
    (item) => !(isMap(item) && item.$patch === 'replace' && Object.keys(item).length === 1),
  );
  if (items.length < patch.length || !keys || !patch.every(isMap)) return [...items];
  const key = keys.find((candidate) => patch.some((item) => (item as Json)[candidate] !== undefined));
  if (key === undefined) return [...items];
  const merged = [...existing] as Json[];
  const added: Json[] = [];
  for (const item of items as Json[]) {
    const index = merged.findIndex((candidate) => candidate[key] === item[key]);
    if (item.$patch === 'delete') {
      if (index >= 0) merged.splice(index, 1);
    } else if (index >= 0) merged[index] = mergeMap(merged[index]!, item, true);
    else added.push(mergeMap({}, item, true));
  }
  return [...added, ...merged];
}
