import type { Container, PodSpec } from './core.ts';
import type { KubernetesObject } from './object.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fields of a pod that mean nothing on one machine, or that no driver knows. */
const podFields = [
  'nodeSelector',
  'affinity',
  'topologySpreadConstraints',
  'hostPID',
  'hostIPC',
  'dnsConfig',
  'shareProcessNamespace',
  'priorityClassName',
  'runtimeClassName',
  'setHostnameAsFQDN',
  'ephemeralContainers',
  'schedulingGates',
  'overhead',
];
const podSecurityFields = ['sysctls', 'seLinuxOptions', 'seccompProfile', 'appArmorProfile'];
const containerFields = ['volumeDevices', 'resizePolicy'];
const containerSecurityFields = ['seLinuxOptions', 'seccompProfile', 'appArmorProfile', 'procMount'];

const given = (value: unknown) =>
  value !== undefined &&
  value !== null &&
  value !== false &&
  !(typeof value === 'object' && Object.keys(value).length === 0);

const named = (object: Fields | undefined, fields: readonly string[], prefix: string): string[] =>
  fields.filter((field) => given(object?.[field])).map((field) => `${prefix}${field}`);

/** The fields of a pod that nothing acts on, such as `spec.nodeSelector`. */
export function podFieldsNotActedOn(spec: PodSpec, prefix = 'spec.'): string[] {
  const { schedulerName = 'default-scheduler', dnsPolicy = 'ClusterFirst' } = spec as Record<string, unknown>;
  const of = (list: 'initContainers' | 'containers') =>
    (spec[list] ?? []).flatMap((container: Container, index) => {
      const at = `${prefix}${list}[${index}].`;
      const security = container.securityContext as Fields | undefined;
      return [
        ...named(container as unknown as Fields, containerFields, at),
        ...named(security, [...containerSecurityFields, 'privileged'], `${at}securityContext.`),
      ];
    });
  return [
    ...named(spec, podFields, prefix),
    ...(schedulerName === 'default-scheduler' ? [] : [`${prefix}schedulerName`]),
    ...(dnsPolicy === 'ClusterFirst' || dnsPolicy === 'Default' ? [] : [`${prefix}dnsPolicy`]),
    ...named(spec.securityContext, podSecurityFields, `${prefix}securityContext.`),
    ...of('initContainers'),
    ...of('containers'),
  ];
}

// biome-ignore lint/suspicious/noExplicitAny: specs of many kinds, whose fields may be anything before they are validated
type Any = any;

/** Names under which all models and workbenches are reached, which no rule takes over. */
export const isOwnHost = (host: unknown): boolean =>
  ['localhost', '127.0.0.1', '[::1]'].includes(String(host).toLowerCase());

const byKind: Readonly<Record<string, (spec: Any) => string[]>> = {
  'v1/Node': (spec) => named(spec, ['unschedulable', 'taints'], 'spec.'),
  'v1/Service': (spec) => [
    ...(spec.type === 'ExternalName' ? ['spec.externalName'] : []),
    ...(spec.sessionAffinity && spec.sessionAffinity !== 'None' ? ['spec.sessionAffinity'] : []),
    ...named(
      spec,
      [
        'externalIPs',
        'loadBalancerIP',
        'loadBalancerSourceRanges',
        'loadBalancerClass',
        'trafficDistribution',
      ],
      'spec.',
    ),
  ],
  'networking.k8s.io/v1/Ingress': (spec) => [
    ...named(spec, ['tls'], 'spec.'),
    ...[spec.rules ?? []]
      .flat()
      .flatMap((rule: Any, index: number) =>
        isOwnHost(rule?.host) ? [`spec.rules[${index}].host (${rule.host} is this machine)`] : [],
      ),
  ],
  'route.openshift.io/v1/Route': (spec) => [
    ...named(spec, ['tls', 'alternateBackends'], 'spec.'),
    ...(isOwnHost(spec.host) ? [`spec.host (${spec.host} is this machine)`] : []),
    ...(spec.wildcardPolicy && spec.wildcardPolicy !== 'None' ? ['spec.wildcardPolicy'] : []),
  ],
  'v1/PersistentVolumeClaim': (spec) => [
    ...named(spec, ['selector', 'dataSource', 'dataSourceRef', 'volumeAttributesClassName'], 'spec.'),
    ...(spec.volumeMode === 'Block' ? ['spec.volumeMode'] : []),
  ],
  'batch/v1/Job': (spec) =>
    named(
      spec,
      ['successPolicy', 'backoffLimitPerIndex', 'maxFailedIndexes', 'managedBy'].filter(
        (field) => spec[field] !== 0,
      ),
      'spec.',
    ),
};

const withTemplate = new Set([
  'apps/v1/Deployment',
  'apps/v1/ReplicaSet',
  'batch/v1/Job',
  'batch/v1/CronJob',
]);

function templateOf(spec: Any): { spec: Any; prefix: string } | undefined {
  if (spec?.jobTemplate?.spec?.template?.spec)
    return { spec: spec.jobTemplate.spec.template.spec, prefix: 'spec.jobTemplate.spec.template.spec.' };
  return spec?.template?.spec && { spec: spec.template.spec, prefix: 'spec.template.spec.' };
}

/**
 * The declared fields of an object of Kubernetes' own and Tekton's kinds that nothing here acts on, as paths. The kinds that nothing
 * acts on at all are in `kept-kinds.ts`.
 */
export function fieldsNotActedOn({ apiVersion, kind, spec }: KubernetesObject): string[] {
  const id = `${apiVersion}/${kind}`;
  const declared = spec as Any;
  if (typeof declared !== 'object' || declared === null) return [];
  if (id === 'v1/Pod') return podFieldsNotActedOn(declared);
  const template = withTemplate.has(id) && templateOf(declared);
  return [
    ...(byKind[id]?.(declared) ?? []),
    ...(template ? podFieldsNotActedOn(template.spec, template.prefix) : []),
  ];
}
