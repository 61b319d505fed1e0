import type { LabelSelector, PodTemplate, ResourceType } from '@tagboat/api';
import { ageColumn, type Column, computed, nameColumn, pathColumn } from './column.ts';
import { humanDuration, since } from './duration.ts';
import { keptColumns } from './kept-columns.ts';
import { podColumns } from './pod-columns.ts';

const wide = { priority: 1 } as const;
const integer = { type: 'integer' } as const;
// biome-ignore lint/suspicious/noExplicitAny: printers read objects of many kinds, whose fields may be anything
type Any = any;

const count = (value: unknown) => (typeof value === 'number' ? value : 0);
const joined = (list: Any[] | undefined, of: (item: Any) => unknown) => (list ?? []).map(of).join(',');
const orNone = (text: unknown) =>
  text === undefined || text === null || text === '' ? '<none>' : String(text);

function selectorText(selector: LabelSelector | undefined): string {
  const equal = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const others = (selector?.matchExpressions ?? []).map(({ key, operator, values }) =>
    values?.length ? `${key} ${operator.toLowerCase()} (${values.join(',')})` : `${key} ${operator}`,
  );
  return orNone([...equal, ...others].join(','));
}

const template = (object: Any): PodTemplate | undefined =>
  object.spec?.jobTemplate?.spec?.template ?? object.spec?.template;
const templateColumns: readonly Column[] = [
  computed('Containers', (object) => joined(template(object)?.spec?.containers, ({ name }) => name), wide),
  computed('Images', (object) => joined(template(object)?.spec?.containers, ({ image }) => image), wide),
  computed('Selector', (object: Any) => selectorText(object.spec?.selector), wide),
];

const condition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`;
const lastRun = (field: string) => `.pipelinerun_status[-1].conditions[?(@.type=="Succeeded")].${field}`;
const runColumns = (type: string): readonly Column[] => [
  nameColumn,
  pathColumn('Succeeded', condition(type, 'status')),
  pathColumn('Reason', condition(type, 'reason')),
  pathColumn('StartTime', '.status.startTime', { type: 'date' }),
  pathColumn('CompletionTime', '.status.completionTime', { type: 'date' }),
];

function externalAddress(object: Any): string {
  const ingress = joined(object.status?.loadBalancer?.ingress, ({ ip, hostname }) => ip ?? hostname);
  const external = [...(object.spec?.externalIPs ?? []), ...(ingress ? [ingress] : [])].join(',');
  if (object.spec?.type === 'ExternalName') return object.spec.externalName;
  if (external) return external;
  return object.spec?.type === 'LoadBalancer' ? '<pending>' : '<none>';
}

const ports = (object: Any) =>
  orNone(
    joined(object.spec?.ports, ({ port, nodePort, protocol = 'TCP' }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    ),
  );

function jobStatus(object: Any): string {
  const holds = (type: string) =>
    object.status?.conditions?.some((item: Any) => item.type === type && item.status === 'True');
  if (holds('Complete')) return 'Complete';
  if (holds('Failed')) return 'Failed';
  if (object.metadata.deletionTimestamp) return 'Terminating';
  if (holds('Suspended')) return 'Suspended';
  return holds('FailureTarget')
    ? 'FailureTarget'
    : holds('SuccessCriteriaMet')
      ? 'SuccessCriteriaMet'
      : 'Running';
}

function jobDuration(object: Any, now: number): string {
  const { startTime, completionTime } = object.status ?? {};
  if (!startTime) return '';
  return humanDuration((completionTime ? Date.parse(completionTime) : now) - Date.parse(startTime));
}

const hosts = (object: Any) =>
  joined(
    object.spec?.rules?.filter(({ host }: Any) => host),
    ({ host }) => host,
  ) || '*';

const eventTime = (object: Any) =>
  object.series?.lastObservedTime ?? object.lastTimestamp ?? object.eventTime ?? object.firstTimestamp;

function endpointsText(object: Any): string {
  const all = (object.subsets ?? []).flatMap(({ addresses, ports: open }: Any) =>
    (addresses ?? []).flatMap(({ ip }: Any) =>
      (open ?? [{}]).map(({ port }: Any) => (port ? `${ip}:${port}` : ip)),
    ),
  );
  if (all.length === 0) return '<none>';
  return all.length <= 3 ? all.join(',') : `${all.slice(0, 3).join(',')} + ${all.length - 3} more...`;
}

const nodeReady = (object: Any) => {
  const ready = object.status?.conditions?.find(({ type }: Any) => type === 'Ready');
  const state = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return object.spec?.unschedulable ? `${state},SchedulingDisabled` : state;
};

const keysOf = (...maps: (object | undefined)[]) =>
  maps.reduce((sum, map) => sum + Object.keys(map ?? {}).length, 0);

/** Each built-in kind's own columns (k8s.io/kubernetes pkg/printers; the kinds of others as their definitions have them). */
const byKind: Readonly<Record<string, readonly Column[]>> = {
  '/Pod': podColumns,
  '/Namespace': [nameColumn, pathColumn('Status', '.status.phase'), ageColumn],
  '/ConfigMap': [nameColumn, computed('Data', (o: Any) => keysOf(o.data, o.binaryData), integer), ageColumn],
  '/Secret': [
    nameColumn,
    pathColumn('Type', '.type'),
    computed('Data', (o: Any) => keysOf(o.data), integer),
    ageColumn,
  ],
  '/ServiceAccount': [
    nameColumn,
    computed('Secrets', (o: Any) => o.secrets?.length ?? 0, integer),
    ageColumn,
  ],
  '/PersistentVolumeClaim': [
    nameColumn,
    pathColumn('Status', '.status.phase'),
    computed('Volume', (o: Any) => o.spec?.volumeName ?? ''),
    computed('Capacity', (o: Any) => o.status?.capacity?.storage ?? ''),
    computed('Access Modes', (o: Any) => accessModes(o.status?.accessModes)),
    computed('StorageClass', (o: Any) => o.spec?.storageClassName ?? ''),
    computed('VolumeAttributesClass', (o: Any) => o.spec?.volumeAttributesClassName ?? '<unset>'),
    ageColumn,
    computed('VolumeMode', (o: Any) => o.spec?.volumeMode ?? 'Filesystem', wide),
  ],
  '/Service': [
    nameColumn,
    computed('Type', (o: Any) => o.spec?.type ?? 'ClusterIP'),
    computed('Cluster-IP', (o: Any) => o.spec?.clusterIP ?? '<none>'),
    computed('External-IP', externalAddress),
    computed('Port(s)', ports),
    ageColumn,
    computed('Selector', (o: Any) => selectorText({ matchLabels: o.spec?.selector }), wide),
  ],
  '/Endpoints': [nameColumn, computed('Endpoints', endpointsText), ageColumn],
  '/Event': [
    computed('Last Seen', (o, now) => since(eventTime(o), now)),
    pathColumn('Type', '.type'),
    pathColumn('Reason', '.reason'),
    computed(
      'Object',
      (o: Any) => `${String(o.involvedObject?.kind ?? '').toLowerCase()}/${o.involvedObject?.name ?? ''}`,
    ),
    computed('Subobject', (o: Any) => o.involvedObject?.fieldPath ?? '', wide),
    computed(
      'Source',
      (o: Any) => [o.source?.component ?? o.reportingComponent, o.source?.host].filter(Boolean).join(', '),
      wide,
    ),
    computed('Message', (o: Any) => String(o.message ?? '').trim()),
    computed('First Seen', (o: Any, now) => since(o.firstTimestamp ?? o.eventTime, now), wide),
    computed('Count', (o: Any) => o.series?.count ?? o.count ?? 1, { ...integer, ...wide }),
    { ...nameColumn, ...wide },
  ],
  '/Node': [
    nameColumn,
    computed('Status', nodeReady),
    computed('Roles', (o: Any) =>
      orNone(
        Object.keys(o.metadata.labels ?? {})
          .filter((key) => key.startsWith('node-role.kubernetes.io/'))
          .map((key) => key.split('/')[1])
          .join(','),
      ),
    ),
    ageColumn,
    pathColumn('Version', '.status.nodeInfo.kubeletVersion'),
    computed(
      'Internal-IP',
      (o: Any) => orNone(o.status?.addresses?.find(({ type }: Any) => type === 'InternalIP')?.address),
      wide,
    ),
    pathColumn('OS-Image', '.status.nodeInfo.osImage', wide),
    pathColumn('Kernel-Version', '.status.nodeInfo.kernelVersion', wide),
    pathColumn('Container-Runtime', '.status.nodeInfo.containerRuntimeVersion', wide),
  ],
  'apps/Deployment': [
    nameColumn,
    computed('Ready', (o: Any) => `${count(o.status?.readyReplicas)}/${o.spec?.replicas ?? 1}`),
    computed('Up-to-date', (o: Any) => count(o.status?.updatedReplicas), integer),
    computed('Available', (o: Any) => count(o.status?.availableReplicas), integer),
    ageColumn,
    ...templateColumns,
  ],
  'apps/ReplicaSet': [
    nameColumn,
    computed('Desired', (o: Any) => o.spec?.replicas ?? 1, integer),
    computed('Current', (o: Any) => count(o.status?.replicas), integer),
    computed('Ready', (o: Any) => count(o.status?.readyReplicas), integer),
    ageColumn,
    ...templateColumns,
  ],
  'apps/StatefulSet': [
    nameColumn,
    computed('Ready', (o: Any) => `${count(o.status?.readyReplicas)}/${o.spec?.replicas ?? 1}`),
    ageColumn,
    ...templateColumns.slice(0, 2),
  ],
  'apps/DaemonSet': [
    nameColumn,
    computed('Desired', (o: Any) => count(o.status?.desiredNumberScheduled), integer),
    computed('Current', (o: Any) => count(o.status?.currentNumberScheduled), integer),
    computed('Ready', (o: Any) => count(o.status?.numberReady), integer),
    computed('Up-to-date', (o: Any) => count(o.status?.updatedNumberScheduled), integer),
    computed('Available', (o: Any) => count(o.status?.numberAvailable), integer),
    computed('Node Selector', (o: Any) =>
      selectorText({ matchLabels: o.spec?.template?.spec?.nodeSelector }),
    ),
    ageColumn,
    ...templateColumns,
  ],
  'batch/Job': [
    nameColumn,
    computed('Status', jobStatus),
    computed(
      'Completions',
      (o: Any) => `${count(o.status?.succeeded)}/${o.spec?.completions ?? o.spec?.parallelism ?? 1}`,
    ),
    computed('Duration', jobDuration),
    ageColumn,
    ...templateColumns,
  ],
  'batch/CronJob': [
    nameColumn,
    pathColumn('Schedule', '.spec.schedule'),
    computed('Timezone', (o: Any) => orNone(o.spec?.timeZone)),
    computed('Suspend', (o: Any) => (o.spec?.suspend ? 'True' : 'False')),
    computed('Active', (o: Any) => o.status?.active?.length ?? 0, integer),
    computed('Last Schedule', (o: Any, now) =>
      o.status?.lastScheduleTime ? since(o.status.lastScheduleTime, now) : '<none>',
    ),
    ageColumn,
    ...templateColumns,
  ],
  'networking.k8s.io/Ingress': [
    nameColumn,
    computed('Class', (o: Any) => orNone(o.spec?.ingressClassName)),
    computed('Hosts', hosts),
    computed('Address', (o: Any) =>
      joined(o.status?.loadBalancer?.ingress, ({ ip, hostname }) => ip ?? hostname),
    ),
    computed('Ports', (o: Any) => (o.spec?.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
  'route.openshift.io/Route': [
    nameColumn,
    computed('Host/Port', (o: Any) => o.status?.ingress?.[0]?.host ?? o.spec?.host ?? ''),
    computed('Path', (o: Any) => o.spec?.path ?? ''),
    computed('Services', (o: Any) =>
      [o.spec?.to, ...(o.spec?.alternateBackends ?? [])].map((to) => to?.name).join(','),
    ),
    computed('Port', (o: Any) => orNone(o.spec?.port?.targetPort)),
    computed('Termination', (o: Any) => o.spec?.tls?.termination ?? ''),
    computed('Wildcard', (o: Any) => o.spec?.wildcardPolicy ?? 'None'),
  ],
  'apiextensions.k8s.io/CustomResourceDefinition': [
    nameColumn,
    computed('Created At', (o) => o.metadata.creationTimestamp),
  ],
  'tekton.dev/TaskRun': runColumns('Succeeded'),
  'tekton.dev/PipelineRun': runColumns('Succeeded'),
  'tekton.dev/CustomRun': runColumns('Succeeded'),
  'argoproj.io/Application': [
    nameColumn,
    pathColumn('Sync Status', '.status.sync.status'),
    pathColumn('Health Status', '.status.health.status'),
    pathColumn('Revision', '.status.sync.revision', { priority: 10 }),
    pathColumn('Project', '.spec.project', { priority: 10 }),
  ],
  'serving.kserve.io/InferenceService': [
    nameColumn,
    pathColumn('URL', '.status.url'),
    pathColumn('Ready', condition('Ready', 'status')),
    pathColumn('Prev', '.status.components.predictor.traffic[?(@.tag=="prev")].percent', integer),
    pathColumn('Latest', '.status.components.predictor.traffic[?(@.latestRevision==true)].percent', integer),
    ageColumn,
  ],
  'serving.kserve.io/ServingRuntime': [
    nameColumn,
    pathColumn('Disabled', '.spec.disabled', { type: 'boolean' }),
    pathColumn('ModelType', '.spec.supportedModelFormats[*].name'),
    pathColumn('Containers', '.spec.containers[*].name'),
    ageColumn,
  ],
  'pipelinesascode.tekton.dev/Repository': [
    nameColumn,
    pathColumn('URL', '.spec.url'),
    pathColumn('Succeeded', lastRun('status')),
    pathColumn('Reason', lastRun('reason')),
    pathColumn('StartTime', '.pipelinerun_status[-1].startTime', { type: 'date' }),
    pathColumn('CompletionTime', '.pipelinerun_status[-1].completionTime', { type: 'date' }),
  ],
  'tagboat.dev/Repository': [
    nameColumn,
    pathColumn('Role', '.spec.role'),
    pathColumn('URL', '.status.url'),
    pathColumn('Branch', '.status.defaultBranch'),
    pathColumn('Ready', condition('Ready', 'status')),
    ageColumn,
  ],
  'tagboat.dev/Model': [
    nameColumn,
    pathColumn('Repository', '.spec.repository'),
    pathColumn('Ready', condition('Ready', 'status')),
    pathColumn('Reason', condition('Ready', 'reason')),
    ageColumn,
  ],
  'tagboat.dev/PullRequest': [
    nameColumn,
    pathColumn('Repository', '.spec.repository'),
    pathColumn('Number', '.spec.number', integer),
    pathColumn('State', '.spec.state'),
    pathColumn('Title', '.spec.title'),
    ageColumn,
  ],
  'tagboat.dev/HandledRef': [
    nameColumn,
    pathColumn('Repository', '.spec.repository'),
    pathColumn('Ref', '.spec.ref'),
    computed('Commit', (o: Any) => String(o.spec?.commit ?? '').slice(0, 12)),
    computed('Runs', (o: Any) => o.spec?.pipelineRuns?.length ?? 0, integer),
    ageColumn,
  ],
  'tagboat.dev/Experiment': [
    nameColumn,
    pathColumn('Model', '.spec.model'),
    pathColumn('Tag', '.spec.tag'),
    pathColumn('Verdict', '.spec.verdict'),
    ageColumn,
  ],
};

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const accessModes = (modes: string[] | undefined) => joined(modes, (mode) => shortModes[mode] ?? mode);

/** The columns of a kind; of one that declares none, name and age. */
export function columnsOf(type: ResourceType, declared?: readonly Column[]): readonly Column[] {
  if (declared) return declared;
  const id = `${type.group}/${type.kind}`;
  return byKind[id] ?? keptColumns[id] ?? [nameColumn, ageColumn];
}
