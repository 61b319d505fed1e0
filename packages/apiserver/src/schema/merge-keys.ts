import type { Schema } from './schema.ts';

type Extensions = Pick<
  Schema,
  | 'x-kubernetes-list-type'
  | 'x-kubernetes-list-map-keys'
  | 'x-kubernetes-map-type'
  | 'x-kubernetes-patch-merge-key'
  | 'x-kubernetes-patch-strategy'
>;

/** A list of objects that merges by keys; strategic merge uses the first of them alone. */
const byKey = (...keys: string[]): Extensions => ({
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
  'x-kubernetes-patch-merge-key': keys[0]!,
  'x-kubernetes-patch-strategy': 'merge',
});
const set: Extensions = { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
const retaining = (...keys: string[]): Extensions => ({
  ...byKey(...keys),
  'x-kubernetes-patch-strategy': 'merge,retainKeys',
});

const container: Record<string, Extensions> = {
  env: byKey('name'),
  ports: byKey('containerPort', 'protocol'),
  volumeMounts: byKey('mountPath'),
  volumeDevices: byKey('devicePath'),
};
const conditions = { conditions: byKey('type') };

/**
 * How the lists of the built-in kinds merge: the struct tags `patchStrategy`, `patchMergeKey`, `listType` and
 * `listMapKey` of k8s.io/api. Lists that are not here are replaced as a whole.
 */
export const mergeKeys: Readonly<Record<string, Readonly<Record<string, Extensions>>>> = {
  V1ObjectMeta: { finalizers: set, ownerReferences: byKey('uid') },
  V1PodSpec: {
    containers: byKey('name'),
    initContainers: byKey('name'),
    ephemeralContainers: byKey('name'),
    volumes: retaining('name'),
    imagePullSecrets: byKey('name'),
    hostAliases: byKey('ip'),
    topologySpreadConstraints: byKey('topologyKey', 'whenUnsatisfiable'),
    schedulingGates: byKey('name'),
    resourceClaims: retaining('name'),
  },
  V1Container: container,
  V1EphemeralContainer: container,
  V1PodStatus: { ...conditions, podIPs: byKey('ip'), resourceClaimStatuses: retaining('name') },
  V1ServiceSpec: { ports: byKey('port', 'protocol') },
  V1ServiceStatus: conditions,
  V1ServiceAccount: { secrets: byKey('name') },
  V1NamespaceStatus: conditions,
  V1NodeStatus: { ...conditions, addresses: byKey('type') },
  V1NodeSpec: { podCIDRs: set },
  V1PersistentVolumeClaimStatus: conditions,
  V1DeploymentSpec: { strategy: { 'x-kubernetes-patch-strategy': 'retainKeys' } },
  V1DeploymentStatus: conditions,
  V1ReplicaSetStatus: conditions,
  V1StatefulSetStatus: conditions,
  V1DaemonSetStatus: conditions,
  V1JobStatus: {
    conditions: { 'x-kubernetes-patch-merge-key': 'type', 'x-kubernetes-patch-strategy': 'merge' },
  },
  V1CustomResourceDefinitionStatus: conditions,
};

/** Objects that are set as a whole (`structType=atomic`). */
export const atomicObjects: ReadonlySet<string> = new Set([
  'V1LabelSelector',
  'V1ObjectReference',
  'V1LocalObjectReference',
  'V1TypedLocalObjectReference',
  'V1OwnerReference',
  'V1SecretKeySelector',
  'V1ConfigMapKeySelector',
  'V1ObjectFieldSelector',
  'V1ResourceFieldSelector',
  'V1NodeSelector',
  'V1NodeSelectorTerm',
  'V1SecretReference',
]);

/** Maps that are set as a whole (`mapType=atomic`). */
export const atomicMaps: Readonly<Record<string, readonly string[]>> = {
  V1PodSpec: ['nodeSelector'],
  V1ServiceSpec: ['selector'],
};

/** Fields that hold quantities, which JSON may also write as numbers. */
export const quantities: ReadonlySet<string> = new Set([
  'limits',
  'requests',
  'capacity',
  'allocatable',
  'allocatedResources',
  'hard',
  'used',
  'overhead',
  'sizeLimit',
  'divisor',
]);
