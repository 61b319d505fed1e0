import {
  type Container,
  type KubernetesObject,
  type PodSpec,
  type Probe,
  type ResourceType,
  type Secret,
  withPlainData,
} from '@tagboat/api';

type Fields = Record<string, unknown>;

/** Fills in what is absent: `target` keeps what it says. */
function fill(target: Fields, defaults: Fields): void {
  for (const [name, value] of Object.entries(defaults)) target[name] ??= value;
}

/** Kubernetes' defaults by kind (k8s.io/kubernetes pkg/apis/<group>/v1/defaults.go), as far as the kinds are acted on. */
const byKind: Readonly<Record<string, (object: Fields) => void>> = {
  '/Pod': ({ spec }) => podDefaults(spec),
  '/Service': ({ spec }) => serviceDefaults(spec as Fields | undefined),
  '/Secret': (object) => {
    Object.assign(object, withPlainData(object as unknown as Secret));
    delete object.stringData;
    fill(object, { type: 'Opaque' });
  },
  '/Namespace': (object) => {
    const { metadata, spec } = object as { metadata: Fields & { name?: string }; spec?: Fields };
    metadata.labels = { ...(metadata.labels as object), 'kubernetes.io/metadata.name': metadata.name };
    object.spec = { finalizers: ['kubernetes'], ...spec };
  },
  '/PersistentVolumeClaim': ({ spec }) => spec && fill(spec as Fields, { volumeMode: 'Filesystem' }),
  'apps/Deployment': ({ spec }) => deploymentDefaults(spec as Fields | undefined),
  'apps/ReplicaSet': ({ spec }) => templateDefaults(spec as Fields | undefined, { replicas: 1 }),
  'apps/StatefulSet': ({ spec }) =>
    templateDefaults(spec as Fields | undefined, {
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    }),
  'apps/DaemonSet': ({ spec }) =>
    templateDefaults(spec as Fields | undefined, {
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    }),
  'batch/Job': ({ spec }) => jobDefaults(spec as Fields | undefined),
  'batch/CronJob': ({ spec }) => {
    if (!spec) return;
    fill(spec as Fields, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
    jobDefaults((spec as { jobTemplate?: { spec?: Fields } }).jobTemplate?.spec);
  },
  'networking.k8s.io/Ingress': ({ spec }) => {
    for (const rule of (spec as { rules?: { http?: { paths?: Fields[] } }[] } | undefined)?.rules ?? [])
      for (const path of rule.http?.paths ?? []) fill(path, { pathType: 'ImplementationSpecific' });
  },
  'apiextensions.k8s.io/CustomResourceDefinition': ({ spec }) => {
    const { names } = (spec ?? {}) as { names?: Fields & { kind?: string } };
    if (names?.kind) fill(names, { singular: names.kind.toLowerCase(), listKind: `${names.kind}List` });
    if (spec) fill(spec as Fields, { conversion: { strategy: 'None' } });
  },
  'route.openshift.io/Route': ({ spec }) => {
    const { to } = (spec ?? {}) as { to?: Fields };
    if (to) fill(to, { kind: 'Service', weight: 100 });
    if (spec) fill(spec as Fields, { wildcardPolicy: 'None' });
  },
};

export function hasDefaults(type: ResourceType): boolean {
  return `${type.group}/${type.kind}` in byKind;
}

/** Fills the defaults of a built-in kind into an object, which nobody else may hold. */
export function setDefaults(type: ResourceType, object: KubernetesObject): void {
  byKind[`${type.group}/${type.kind}`]?.(object as unknown as Fields);
}

function deploymentDefaults(spec: Fields | undefined): void {
  templateDefaults(spec, {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate' },
  });
  const strategy = spec?.strategy as Fields | undefined;
  if (!strategy) return;
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type !== 'RollingUpdate') return;
  fill(strategy, { rollingUpdate: {} });
  fill(strategy.rollingUpdate as Fields, { maxSurge: '25%', maxUnavailable: '25%' });
}

function templateDefaults(spec: Fields | undefined, defaults: Fields): void {
  if (!spec) return;
  fill(spec, defaults);
  podDefaults((spec.template as { spec?: unknown } | undefined)?.spec);
}

function jobDefaults(spec: Fields | undefined): void {
  if (!spec) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  fill(spec, {
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
  });
  podDefaults((spec.template as { spec?: unknown } | undefined)?.spec);
}

function serviceDefaults(spec: Fields | undefined): void {
  if (!spec) return;
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  for (const port of (spec.ports as Fields[] | undefined) ?? []) {
    fill(port, { protocol: 'TCP' });
    fill(port, { targetPort: port.port });
  }
}

function podDefaults(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const spec = value as PodSpec & Fields;
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
  });
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
    containerDefaults(container);
  for (const volume of spec.volumes ?? [])
    for (const source of [volume.configMap, volume.secret, volume.projected])
      if (source) fill(source as unknown as Fields, { defaultMode: 420 });
}

function containerDefaults(container: Container): void {
  fill(container as unknown as Fields, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: pullPolicy(container.image ?? ''),
  });
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
  for (const variable of container.env ?? []) {
    const reference = variable.valueFrom?.fieldRef as Fields | undefined;
    if (reference) fill(reference, { apiVersion: 'v1' });
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    if (probe) probeDefaults(probe);
}

function pullPolicy(image: string): string {
  const tag = /:([^/@]+)$/.exec(image.split('@')[0]!)?.[1];
  return !image.includes('@') && (tag === undefined || tag === 'latest') ? 'Always' : 'IfNotPresent';
}

function probeDefaults(probe: Probe): void {
  fill(probe as unknown as Fields, {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  if (probe.httpGet) fill(probe.httpGet as unknown as Fields, { path: '/', scheme: 'HTTP' });
}
