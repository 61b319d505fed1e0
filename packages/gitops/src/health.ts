import {
  type Condition,
  type Deployment,
  findCondition,
  type KubernetesObject,
  type Pod,
} from '@tagboat/api';
import type { HealthStatus } from './application.ts';

export interface Health {
  readonly status: HealthStatus;
  readonly message?: string;
}

const order: readonly HealthStatus[] = [
  'Healthy',
  'Suspended',
  'Progressing',
  'Missing',
  'Degraded',
  'Unknown',
];

/** The worst of all; Healthy when there is nothing. */
export function worst(all: readonly Health[]): Health {
  return all.reduce<Health>(
    (found, next) => (order.indexOf(next.status) > order.indexOf(found.status) ? next : found),
    { status: 'Healthy' },
  );
}

/** An object's health by Argo CD's rules (gitops-engine pkg/health); undefined for kinds that have none. */
export function healthOf(object: KubernetesObject): Health | undefined {
  if (object.metadata.deletionTimestamp) return { status: 'Progressing', message: 'Pending deletion' };
  switch (object.kind) {
    case 'Deployment':
      return deployment(object as Deployment);
    case 'ReplicaSet':
      return replicas(object);
    case 'Pod':
      return pod(object as Pod);
    case 'PersistentVolumeClaim':
      return (object.status as { phase?: string } | undefined)?.phase === 'Bound'
        ? { status: 'Healthy' }
        : { status: 'Progressing' };
    case 'Service':
      return { status: 'Healthy' };
    case 'InferenceService':
      return inferenceService(object);
    case 'Job':
    case 'PipelineRun':
    case 'TaskRun':
      return finished(object);
    default:
      return undefined;
  }
}

const stale = (object: KubernetesObject) => {
  const observed = (object.status as { observedGeneration?: number } | undefined)?.observedGeneration;
  return (
    observed !== undefined &&
    object.metadata.generation !== undefined &&
    observed < object.metadata.generation
  );
};

function deployment(object: Deployment): Health {
  const { spec, status } = object;
  if (spec?.paused) return { status: 'Suspended', message: 'Deployment is paused' };
  if (stale(object) || !status?.observedGeneration)
    return {
      status: 'Progressing',
      message: 'Waiting for rollout to finish: observed deployment generation less than desired generation',
    };
  if (findCondition(status.conditions, 'Progressing')?.reason === 'ProgressDeadlineExceeded')
    return {
      status: 'Degraded',
      message: `Deployment "${object.metadata.name}" exceeded its progress deadline`,
    };
  const wanted = spec?.replicas ?? 1;
  const updated = status.updatedReplicas ?? 0;
  if (updated < wanted)
    return {
      status: 'Progressing',
      message: `Waiting for rollout to finish: ${updated} out of ${wanted} new replicas have been updated...`,
    };
  if ((status.replicas ?? 0) > updated)
    return {
      status: 'Progressing',
      message: `Waiting for rollout to finish: ${(status.replicas ?? 0) - updated} old replicas are pending termination...`,
    };
  if ((status.availableReplicas ?? 0) < updated)
    return {
      status: 'Progressing',
      message: `Waiting for rollout to finish: ${status.availableReplicas ?? 0} of ${updated} updated replicas are available...`,
    };
  return { status: 'Healthy' };
}

function replicas(object: KubernetesObject): Health {
  const wanted = (object.spec as { replicas?: number } | undefined)?.replicas ?? 1;
  const available = (object.status as { availableReplicas?: number } | undefined)?.availableReplicas ?? 0;
  return stale(object) || available < wanted
    ? {
        status: 'Progressing',
        message: `Waiting for rollout to finish: ${available} out of ${wanted} new replicas are available...`,
      }
    : { status: 'Healthy' };
}

function pod({ status }: Pod): Health {
  if (status?.phase === 'Failed') return { status: 'Degraded', message: status.message ?? '' };
  if (status?.phase === 'Succeeded') return { status: 'Healthy' };
  const waiting = status?.containerStatuses?.find(({ state }) =>
    /BackOff|^Err|Error$/.test(state?.waiting?.reason ?? ''),
  );
  if (waiting) return { status: 'Degraded', message: waiting.state?.waiting?.message ?? '' };
  return findCondition(status?.conditions, 'Ready')?.status === 'True'
    ? { status: 'Healthy' }
    : { status: 'Progressing' };
}

function inferenceService(object: KubernetesObject): Health {
  const status = object.status as { conditions?: Condition[]; observedGeneration?: number } | undefined;
  if (!status?.conditions || stale(object))
    return { status: 'Progressing', message: 'Waiting for InferenceService to report status...' };
  const ready = findCondition(status.conditions, 'Ready');
  if (ready?.status === 'True') return { status: 'Healthy', message: 'InferenceService is healthy.' };
  return ['ProgressDeadlineExceeded', 'Unsupported', 'ModelLoadFailed'].includes(ready?.reason ?? '')
    ? { status: 'Degraded', message: ready?.message ?? '' }
    : { status: 'Progressing', message: ready?.message ?? '' };
}

function finished(object: KubernetesObject): Health {
  const { conditions } = (object.status ?? {}) as { conditions?: Condition[] };
  const succeeded = findCondition(conditions, 'Succeeded') ?? findCondition(conditions, 'Complete');
  const failed = findCondition(conditions, 'Failed');
  if (failed?.status === 'True' || succeeded?.status === 'False')
    return { status: 'Degraded', message: (failed ?? succeeded)?.message ?? '' };
  return succeeded?.status === 'True' ? { status: 'Healthy' } : { status: 'Progressing' };
}
