import { ageColumn, type Column, computed, nameColumn, pathColumn } from './column.ts';

// biome-ignore lint/suspicious/noExplicitAny: printers read objects of many kinds, whose fields may be anything
type Any = any;

const integer = { type: 'integer' } as const;
const wide = { priority: 1 } as const;
const createdAt = computed('Created At', (object) => object.metadata.creationTimestamp);
const roleOf = (o: Any) => `${o.roleRef?.kind ?? ''}/${o.roleRef?.name ?? ''}`;
const binding = [nameColumn, computed('Role', roleOf), ageColumn];
const webhooks = [nameColumn, computed('Webhooks', (o: Any) => o.webhooks?.length ?? 0, integer), ageColumn];

function selectorText(o: Any): string {
  const labels = Object.entries(o.spec?.podSelector?.matchLabels ?? {}).map(
    ([key, value]) => `${key}=${value}`,
  );
  return labels.join(',') || '<none>';
}

function targets(o: Any): string {
  const metrics: Any[] = o.spec?.metrics ?? [];
  const text = metrics.map(({ resource }) => {
    const { averageUtilization, averageValue } = resource?.target ?? {};
    const wanted =
      averageUtilization === undefined ? (averageValue ?? '<unknown>') : `${averageUtilization}%`;
    return `${resource?.name ? `${resource.name}: ` : ''}<unknown>/${wanted}`;
  });
  return text.join(', ') || '<none>';
}

/** The columns of the kinds that are only kept (k8s.io/kubernetes pkg/printers), and of Lease. */
export const keptColumns: Readonly<Record<string, readonly Column[]>> = {
  'coordination.k8s.io/Lease': [nameColumn, pathColumn('Holder', '.spec.holderIdentity'), ageColumn],
  'rbac.authorization.k8s.io/Role': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/ClusterRole': [nameColumn, createdAt],
  'rbac.authorization.k8s.io/RoleBinding': binding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': binding,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': webhooks,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': webhooks,
  'autoscaling/HorizontalPodAutoscaler': [
    nameColumn,
    computed('Reference', (o: Any) => `${o.spec?.scaleTargetRef?.kind}/${o.spec?.scaleTargetRef?.name}`),
    computed('Targets', targets),
    computed('MinPods', (o: Any) => o.spec?.minReplicas ?? '<unset>'),
    pathColumn('MaxPods', '.spec.maxReplicas', integer),
    computed('Replicas', (o: Any) => o.status?.currentReplicas ?? 0, integer),
    ageColumn,
  ],
  'policy/PodDisruptionBudget': [
    nameColumn,
    computed('Min Available', (o: Any) => o.spec?.minAvailable ?? 'N/A'),
    computed('Max Unavailable', (o: Any) => o.spec?.maxUnavailable ?? 'N/A'),
    computed('Allowed Disruptions', (o: Any) => o.status?.disruptionsAllowed ?? 0, integer),
    ageColumn,
  ],
  'networking.k8s.io/NetworkPolicy': [nameColumn, computed('Pod-Selector', selectorText), ageColumn],
  'networking.k8s.io/IngressClass': [
    nameColumn,
    pathColumn('Controller', '.spec.controller'),
    computed('Parameters', (o: Any) => o.spec?.parameters?.name ?? '<none>'),
    ageColumn,
  ],
  '/LimitRange': [nameColumn, createdAt],
  '/PersistentVolume': [
    nameColumn,
    computed('Capacity', (o: Any) => o.spec?.capacity?.storage ?? ''),
    computed('Reclaim Policy', (o: Any) => o.spec?.persistentVolumeReclaimPolicy ?? 'Retain'),
    computed('Status', (o: Any) => o.status?.phase ?? ''),
    computed('StorageClass', (o: Any) => o.spec?.storageClassName ?? ''),
    ageColumn,
  ],
  'storage.k8s.io/StorageClass': [
    nameColumn,
    pathColumn('Provisioner', '.provisioner'),
    computed('ReclaimPolicy', (o: Any) => o.reclaimPolicy ?? 'Delete'),
    computed('VolumeBindingMode', (o: Any) => o.volumeBindingMode ?? 'Immediate'),
    computed('AllowVolumeExpansion', (o: Any) => o.allowVolumeExpansion ?? false, wide),
    ageColumn,
  ],
  'scheduling.k8s.io/PriorityClass': [
    nameColumn,
    pathColumn('Value', '.value', integer),
    computed('Global-Default', (o: Any) => o.globalDefault ?? false),
    ageColumn,
  ],
};
