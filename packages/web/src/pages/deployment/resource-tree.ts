import { type Condition, findCondition, type KubernetesObject } from '@tagboat/api';
import { type StatusName, statusNamed } from '../../components/status.tsx';
import type { GraphEdge } from '../../layered-graph/layout.ts';
import type { Application, ResourceState } from './application.ts';

export interface TreeNode {
  readonly id: string;
  readonly column: number;
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  readonly health?: StatusName;
  readonly synced?: StatusName;
  readonly namespace: string;
  /** Absent where the object is declared and missing. */
  readonly object?: KubernetesObject;
}

export interface Tree {
  readonly nodes: readonly TreeNode[];
  readonly edges: readonly GraphEdge[];
}

const order: Readonly<Record<string, number>> = { Deployment: 2, Service: 2, Job: 2, ReplicaSet: 3, Pod: 4 };

/** An application, what it declares, and what follows from that, by owner references. Pure. */
export function resourceTree(application: Application, objects: readonly KubernetesObject[]): Tree {
  const nodes: TreeNode[] = [rootOf(application)];
  const edges: GraphEdge[] = [];
  const declared = application.status?.resources ?? [];
  const byUid = new Map<string, string>();
  for (const resource of declared) {
    const object = objects.find(
      ({ kind, metadata }) =>
        kind === resource.kind &&
        metadata.name === resource.name &&
        (metadata.namespace ?? '') === resource.namespace,
    );
    const node = declaredNode(resource, object);
    nodes.push(node);
    edges.push({ from: 'application', to: node.id });
    if (object?.metadata.uid) byUid.set(object.metadata.uid, node.id);
  }
  for (let added = true; added; ) {
    added = false;
    for (const object of objects) {
      const { uid = '', ownerReferences = [] } = object.metadata;
      const owner = ownerReferences.find((reference) => byUid.has(reference.uid));
      if (!owner || byUid.has(uid) || isIdle(object)) continue;
      const node = ownedNode(object);
      nodes.push(node);
      edges.push({ from: byUid.get(owner.uid)!, to: node.id });
      byUid.set(uid, node.id);
      added = true;
    }
  }
  return { nodes, edges };
}

/** A replica set of an earlier version, without pods. */
const isIdle = ({ kind, spec }: KubernetesObject) =>
  kind === 'ReplicaSet' && (spec as { replicas?: number } | undefined)?.replicas === 0;

function rootOf({ metadata, status, spec }: Application): TreeNode {
  return {
    id: 'application',
    column: 0,
    kind: 'Application',
    title: metadata.name,
    detail: spec?.destination.namespace ?? '',
    namespace: metadata.namespace ?? '',
    health: statusNamed(status?.health?.status),
    synced: statusNamed(status?.sync?.status),
  };
}

function declaredNode(resource: ResourceState, object: KubernetesObject | undefined): TreeNode {
  const { kind, name, namespace, health, status, requiresPruning } = resource;
  return {
    id: `${kind}/${namespace}/${name}`,
    column: 1,
    kind,
    title: name,
    detail: requiresPruning ? 'to be pruned' : object ? '' : 'not there',
    namespace,
    synced: statusNamed(status),
    ...(health ? { health: statusNamed(health.status) } : {}),
    ...(object ? { object } : {}),
  };
}

function ownedNode(object: KubernetesObject): TreeNode {
  const { kind, metadata } = object;
  return {
    id: `${kind}/${metadata.namespace ?? ''}/${metadata.name}`,
    column: order[kind] ?? 2,
    kind,
    title: metadata.name,
    namespace: metadata.namespace ?? '',
    object,
    ...stateOf(object),
  };
}

interface Status {
  readonly phase?: string;
  readonly conditions?: Condition[];
  readonly readyReplicas?: number;
  readonly replicas?: number;
  readonly containerStatuses?: readonly { readonly restartCount?: number; readonly state?: object }[];
}

function stateOf({ kind, status, spec, metadata }: KubernetesObject): {
  detail: string;
  health?: StatusName;
} {
  const { phase, conditions, readyReplicas = 0, containerStatuses = [] } = (status ?? {}) as Status;
  if (metadata.deletionTimestamp) return { detail: 'ending', health: 'progressing' };
  if (kind === 'Pod') {
    const ready = findCondition(conditions, 'Ready')?.status === 'True';
    const restarts = containerStatuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
    const detail = `${ready ? 'ready' : (phase ?? 'pending').toLowerCase()}${restarts > 0 ? `, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}` : ''}`;
    const health = ready
      ? 'healthy'
      : phase === 'Failed'
        ? 'degraded'
        : phase === 'Succeeded'
          ? 'succeeded'
          : 'progressing';
    return { detail, health };
  }
  if (kind === 'Deployment' || kind === 'ReplicaSet') {
    const wanted = (spec as { replicas?: number } | undefined)?.replicas ?? 1;
    return {
      detail: `${readyReplicas} of ${wanted} ready`,
      health: readyReplicas >= wanted ? 'healthy' : 'progressing',
    };
  }
  return { detail: '' };
}
