import type { Deployment, ReplicaSet } from '@tagboat/api';
import { rolloutBounds } from './plan-rollout.ts';

/** What a ReplicaSet remembers of the Deployment it was last scaled for. */
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const mostAnnotation = 'deployment.kubernetes.io/max-replicas';

const wanted = (set: ReplicaSet) => set.spec?.replicas ?? 0;
const numberOf = (set: ReplicaSet, annotation: string): number | undefined => {
  const text = set.metadata.annotations?.[annotation];
  return text === undefined ? undefined : Number(text);
};

/** The annotations of a Deployment's ReplicaSets as it is now. */
export function replicasAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = deployment.spec?.replicas ?? 1;
  const { surge } = boundsOf(deployment);
  return { [desiredAnnotation]: String(replicas), [mostAnnotation]: String(replicas + surge) };
}

function boundsOf(deployment: Deployment): { surge: number } {
  return deployment.spec?.strategy?.type === 'Recreate' ? { surge: 0 } : rolloutBounds(deployment);
}

/**
 * The replicas of each ReplicaSet, by name, where the Deployment was scaled during a rollout or is paused: each set gets
 * its share, so that no version is favoured (kubernetes pkg/controller/deployment/sync.go `scale`). Undefined where the
 * Deployment was not scaled: then the rollout goes on.
 */
export function planScaling(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): Map<string, number> | undefined {
  const replicas = deployment.spec?.replicas ?? 1;
  const active = [current, ...old].filter((set) => wanted(set) > 0);
  const wasScaled = active.some((set) => {
    const before = numberOf(set, desiredAnnotation);
    return before !== undefined && before !== replicas;
  });
  if (!wasScaled && !deployment.spec?.paused) return undefined;
  if (active.length <= 1) return only(active[0] ?? current, replicas);
  if (!wasScaled) return new Map();
  if (deployment.spec?.strategy?.type === 'Recreate') return undefined;
  return shares(deployment, active, current);
}

function only(set: ReplicaSet, replicas: number): Map<string, number> {
  return new Map(wanted(set) === replicas ? [] : [[set.metadata.name, replicas]]);
}

function shares(deployment: Deployment, active: readonly ReplicaSet[], current: ReplicaSet) {
  const replicas = deployment.spec?.replicas ?? 1;
  const allowed = replicas > 0 ? replicas + boundsOf(deployment).surge : 0;
  const total = active.reduce((sum, set) => sum + wanted(set), 0);
  const toAdd = allowed - total;
  // The largest first; of equals the newest gets more, the oldest loses more.
  const age = (set: ReplicaSet) => (set === current ? 0 : 1);
  const bySize = [...active].sort(
    (a, b) => wanted(b) - wanted(a) || (toAdd > 0 ? age(a) - age(b) : age(b) - age(a)),
  );
  const sizes = new Map<string, number>();
  let added = 0;
  for (const set of bySize) {
    const most = numberOf(set, mostAnnotation) || deployment.status?.replicas || total;
    const share = Math.round((wanted(set) * allowed) / most) - wanted(set);
    const left = toAdd - added;
    const change = toAdd > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    sizes.set(set.metadata.name, wanted(set) + change);
    added += change;
  }
  const [largest] = bySize;
  const name = largest!.metadata.name;
  sizes.set(name, Math.max(0, sizes.get(name)! + toAdd - added));
  return sizes;
}
