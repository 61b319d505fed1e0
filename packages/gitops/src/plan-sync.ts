import { type KubernetesObject, parseApiVersion } from '@tagboat/api';
import { type ApplicationSpec, type ResourceStatus, trackingAnnotation } from './application.ts';
import { differences } from './diff.ts';
import { type Health, healthOf, worst } from './health.ts';

export interface Comparison {
  readonly resources: readonly ResourceStatus[];
  readonly synced: boolean;
  readonly health: Health;
  /** Desired objects that are absent or different, in the order to apply them. */
  readonly toApply: readonly KubernetesObject[];
  /** Live objects that are no longer desired, in the order to delete them. */
  readonly toPrune: readonly KubernetesObject[];
  /** Where each object differs, by `kind/namespace/name`. */
  readonly changes: ReadonlyMap<string, readonly string[]>;
}

/** Kinds that others need come first (gitops-engine pkg/sync/sync_tasks.go). */
const kindOrder = [
  'Namespace',
  'ResourceQuota',
  'LimitRange',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'CustomResourceDefinition',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'Service',
  'DaemonSet',
  'Pod',
  'ReplicaSet',
  'Deployment',
  'StatefulSet',
  'Job',
  'CronJob',
  'Ingress',
];
const waveAnnotation = 'argocd.argoproj.io/sync-wave';

/** Of whatever version: an object is the same in all of them. */
export const identify = ({ apiVersion, kind, metadata }: KubernetesObject) =>
  `${parseApiVersion(apiVersion).group}/${kind}/${metadata.namespace ?? ''}/${metadata.name}`;

/** `app:group/Kind:namespace/name`. */
export function trackingId(application: string, object: KubernetesObject): string {
  const { group } = parseApiVersion(object.apiVersion);
  return `${application}:${group}/${object.kind}:${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** Compares what git declares with what is there. Pure. `live` holds every object tracked by the application, and those that desired ones name. */
export function compareState(input: {
  readonly application: string;
  readonly spec: ApplicationSpec;
  readonly desired: readonly KubernetesObject[];
  readonly live: readonly KubernetesObject[];
}): Comparison {
  const { application, spec, desired } = input;
  const live = new Map(input.live.map((object) => [identify(object), object]));
  const changes = new Map<string, readonly string[]>();
  const resources: ResourceStatus[] = [];
  const toApply: KubernetesObject[] = [];
  const healths: Health[] = [];
  for (const object of desired) {
    const found = live.get(identify(object));
    const ignored = (spec.ignoreDifferences ?? [])
      .filter(
        ({ group, kind, name, namespace }) =>
          isLike(kind, object.kind) &&
          isLike(group ?? '*', parseApiVersion(object.apiVersion).group) &&
          isLike(name ?? '*', object.metadata.name) &&
          isLike(namespace ?? '*', object.metadata.namespace ?? ''),
      )
      .flatMap((rule) => rule.jsonPointers ?? []);
    const paths = found ? differences(object, found, ignored) : ['/'];
    const untracked =
      found && found.metadata.annotations?.[trackingAnnotation] !== trackingId(application, object);
    const health = found ? healthOf(found) : { status: 'Missing' as const };
    if (paths.length > 0 || untracked) {
      toApply.push(object);
      changes.set(identify(object), paths);
    }
    if (health) healths.push(health);
    resources.push(statusOf(object, { synced: paths.length === 0, health }));
  }
  const wanted = new Set(desired.map(identify));
  const toPrune = input.live.filter((object) => {
    const id = object.metadata.annotations?.[trackingAnnotation];
    return (
      id === trackingId(application, object) &&
      !wanted.has(identify(object)) &&
      !object.metadata.deletionTimestamp
    );
  });
  for (const object of toPrune)
    resources.push({
      ...statusOf(object, { synced: false, health: healthOf(object) }),
      requiresPruning: true,
    });
  return {
    resources,
    synced: changes.size === 0 && toPrune.length === 0,
    health: worst(healths),
    toApply: toApply.sort(bySyncOrder),
    toPrune: [...toPrune].sort((a, b) => bySyncOrder(b, a)),
    changes,
  };
}

/** `*` in place of a name stands for all, as does none. */
const isLike = (wanted: string, found: string) => wanted === '*' || wanted === found;

function statusOf(
  object: KubernetesObject,
  state: { synced: boolean; health: Health | undefined },
): ResourceStatus {
  const { group, version } = parseApiVersion(object.apiVersion);
  return {
    group,
    version,
    kind: object.kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    status: state.synced ? 'Synced' : 'OutOfSync',
    ...(state.health ? { health: state.health } : {}),
  };
}

function bySyncOrder(a: KubernetesObject, b: KubernetesObject): number {
  const wave = (object: KubernetesObject) => Number(object.metadata.annotations?.[waveAnnotation] ?? 0) || 0;
  const rank = (object: KubernetesObject) => {
    const index = kindOrder.indexOf(object.kind);
    return index < 0 ? kindOrder.length : index;
  };
  return wave(a) - wave(b) || rank(a) - rank(b) || a.metadata.name.localeCompare(b.metadata.name);
}
