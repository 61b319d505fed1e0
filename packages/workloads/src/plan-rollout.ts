import type { Deployment, ReplicaSet } from '@tagboat/api';

/** How many pods a rolling update may add and lack (apps/v1: surge rounds up, unavailable down; never both 0). */
export function rolloutBounds(deployment: Deployment): { surge: number; unavailable: number } {
  const replicas = deployment.spec?.replicas ?? 1;
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  const surge = amount(rolling?.maxSurge ?? '25%', replicas, Math.ceil);
  const unavailable = amount(rolling?.maxUnavailable ?? '25%', replicas, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

function amount(value: number | string, replicas: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? Number(value) || 0 : round((Number(percent) * replicas) / 100);
}

const wanted = (set: ReplicaSet) => set.spec?.replicas ?? 0;
const available = (set: ReplicaSet) => set.status?.availableReplicas ?? 0;

/**
 * The next number of replicas of each ReplicaSet, by name, in a rollout to `current`; sets that stay are left out.
 * Follows kubernetes pkg/controller/deployment/rolling.go and recreate.go.
 */
export function planRollout(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): Map<string, number> {
  const replicas = deployment.spec?.replicas ?? 1;
  const changes = new Map<string, number>();
  const set = (target: ReplicaSet, count: number) => {
    if (wanted(target) !== count) changes.set(target.metadata.name, count);
  };
  if (deployment.spec?.paused) return changes;
  if (deployment.spec?.strategy?.type === 'Recreate') {
    for (const target of old) set(target, 0);
    const gone = old.every(
      (target) =>
        (target.status?.replicas ?? 0) === 0 && !target.status?.terminatingReplicas && wanted(target) === 0,
    );
    if (gone) set(current, replicas);
    return changes;
  }
  const { surge, unavailable } = rolloutBounds(deployment);
  const total = [current, ...old].reduce((sum, target) => sum + wanted(target), 0);
  if (wanted(current) > replicas) set(current, replicas);
  else if (wanted(current) < replicas) {
    const room = replicas + surge - total;
    if (room > 0) set(current, Math.min(replicas, wanted(current) + room));
  }
  const ready = [current, ...old].reduce(
    (sum, target) => sum + Math.min(available(target), wanted(target)),
    0,
  );
  const newUnavailable = wanted(current) - Math.min(available(current), wanted(current));
  let spare = Math.min(ready - (replicas - unavailable), total - (replicas - unavailable) - newUnavailable);
  for (const target of old) {
    const broken = wanted(target) - Math.min(available(target), wanted(target));
    const down = Math.min(wanted(target), broken + Math.max(0, Math.min(spare, wanted(target) - broken)));
    spare -= Math.max(0, down - broken);
    if (down > 0) set(target, wanted(target) - down);
  }
  return changes;
}
