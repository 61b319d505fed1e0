import {
  type Condition,
  type Deployment,
  type DeploymentStatus,
  findCondition,
  type ReplicaSet,
  withCondition,
} from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { rolloutBounds } from './plan-rollout.ts';

export interface ObservedRollout {
  readonly deployment: Deployment;
  readonly sets: readonly ReplicaSet[];
  readonly current: ReplicaSet | undefined;
  /** RFC 3339, to the second. */
  readonly now: string;
}

export interface RolloutReport {
  readonly status: DeploymentStatus;
  readonly complete: boolean;
  readonly late: boolean;
  /** When the rollout counts as stuck, in milliseconds since the epoch. */
  readonly deadline: number;
}

type Progress = Condition & { lastUpdateTime?: string };

const countNames = [
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
] as const;

/** A Deployment's status as its ReplicaSets make it (kubernetes pkg/controller/deployment `sync.go`, `progress.go`). */
export function rolloutStatus({ deployment, sets, current, now }: ObservedRollout): RolloutReport {
  const replicas = deployment.spec!.replicas ?? 1;
  const counts = countReplicas(deployment, sets, current);
  const complete =
    counts.updatedReplicas === replicas &&
    counts.replicas === replicas &&
    (current?.status?.availableReplicas ?? 0) >= replicas;
  const before = findCondition(deployment.status?.conditions, 'Progressing') as Progress | undefined;
  const moved =
    countNames.some((name) => (counts[name] ?? 0) !== (deployment.status?.[name] ?? 0)) ||
    before?.reason === 'DeploymentPaused';
  const since = moved || !before ? now : (before.lastUpdateTime ?? now);
  const deadline = Date.parse(since) + (deployment.spec!.progressDeadlineSeconds ?? 600) * 1000;
  const late = !complete && !moved && before !== undefined && Date.parse(now) >= deadline;
  const name = current?.metadata.name ?? '';
  const progressing: Progress = deployment.spec!.paused
    ? {
        type: 'Progressing',
        status: 'Unknown',
        reason: 'DeploymentPaused',
        message: 'Deployment is paused',
        lastUpdateTime: before?.lastUpdateTime ?? now,
      }
    : { ...progress(name, { complete, late }), lastUpdateTime: since };
  const status: DeploymentStatus = {
    ...counts,
    conditions: [availability(deployment, counts.availableReplicas ?? 0), progressing].reduce<Condition[]>(
      (conditions, condition) => withCondition(conditions, condition, now),
      [...(deployment.status?.conditions ?? [])],
    ),
  };
  return { status, complete, late, deadline };
}

function countReplicas(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): DeploymentStatus {
  const sum = (of: (set: ReplicaSet) => number | undefined) =>
    sets.reduce((total, set) => total + (of(set) ?? 0), 0);
  const available = sum((set) => set.status?.availableReplicas);
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum((set) => set.status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, (deployment.spec!.replicas ?? 1) - available),
  };
}

function progress(name: string, { complete, late }: { complete: boolean; late: boolean }): Progress {
  if (late)
    return {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet "${name}" has timed out progressing.`,
    };
  return complete
    ? {
        type: 'Progressing',
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `ReplicaSet "${name}" has successfully progressed.`,
      }
    : {
        type: 'Progressing',
        status: 'True',
        reason: 'ReplicaSetUpdated',
        message: `ReplicaSet "${name}" is progressing.`,
      };
}

function availability(deployment: Deployment, available: number): Condition {
  const enough = available >= (deployment.spec!.replicas ?? 1) - rolloutBounds(deployment).unavailable;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
  };
}

export const sameStatus = (a: DeploymentStatus | undefined, b: DeploymentStatus) =>
  canonicalJson(a ?? {}) === canonicalJson(b);
