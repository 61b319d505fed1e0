import {
  type Condition,
  controllerOf,
  type Deployment,
  type DeploymentStatus,
  keyOf,
  kinds,
  ownedBy,
  type ReplicaSet,
  type ResourceKey,
  withCondition,
} from '@tagboat/api';
import { canonicalJson, shortened, shortHash, timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutate, mutateStatus } from '@tagboat/store';
import { planRollout, rolloutBounds } from './plan-rollout.ts';
import type { WorkloadOptions } from './replica-set-controller.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';

/** Rolls Deployments out through ReplicaSets (kubernetes pkg/controller/deployment). */
export function deploymentController(options: WorkloadOptions): Controller {
  return new Controller({
    name: 'deployment',
    reader: options.store,
    type: kinds.Deployment,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => new Rollout(options, key).reconcile() },
    watches: [
      {
        type: kinds.ReplicaSet,
        keys: (set) => {
          const owner = controllerOf(set);
          return owner?.kind === 'Deployment'
            ? [{ type: kinds.Deployment, namespace: set.metadata.namespace ?? '', name: owner.name }]
            : [];
        },
      },
    ],
  });
}

class Rollout {
  readonly #options: WorkloadOptions;
  readonly #key: ResourceKey;

  constructor(options: WorkloadOptions, key: ResourceKey) {
    this.#options = options;
    this.#key = key;
  }

  async reconcile(): Promise<Result> {
    const { store } = this.#options;
    const deployment = await store.get<Deployment>(this.#key);
    if (!deployment?.spec || deployment.metadata.deletionTimestamp) return undefined;
    const sets = await this.#sets(deployment);
    const current = await this.#current(deployment, sets);
    const old = sets.filter((set) => set.metadata.name !== current.metadata.name);
    for (const [name, replicas] of planRollout(deployment, current, old))
      await mutate<ReplicaSet>(
        store,
        { type: kinds.ReplicaSet, namespace: this.#key.namespace, name },
        (draft) => {
          draft.spec!.replicas = replicas;
        },
      );
    await this.#prune(deployment, old);
    return this.#report(deployment, await this.#sets(deployment), current.metadata.name);
  }

  async #sets(deployment: Deployment): Promise<ReplicaSet[]> {
    const { items } = await this.#options.store.list<ReplicaSet>(kinds.ReplicaSet, {
      namespace: this.#key.namespace,
    });
    return items
      .filter((set) => controllerOf(set)?.uid === deployment.metadata.uid)
      .sort((a, b) => revisionOf(a) - revisionOf(b));
  }

  async #current(deployment: Deployment, sets: readonly ReplicaSet[]): Promise<ReplicaSet> {
    const { store } = this.#options;
    const template = deployment.spec!.template;
    const hash = shortHash([canonicalJson(template)], 10);
    const name = shortened(`${this.#key.name}-${hash}`);
    const latest = Math.max(0, ...sets.map(revisionOf));
    const found = sets.find((set) => set.metadata.name === name);
    const revision = found && revisionOf(found) === latest ? latest : latest + 1;
    const set: ReplicaSet = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name,
        namespace: this.#key.namespace,
        labels: { ...template.metadata?.labels, [hashLabel]: hash },
        annotations: { [revisionAnnotation]: String(revision) },
        ownerReferences: [ownedBy(deployment)],
      },
      spec: {
        replicas: 0,
        selector: {
          matchLabels: { ...deployment.spec!.selector.matchLabels, [hashLabel]: hash },
          ...(deployment.spec!.selector.matchExpressions
            ? { matchExpressions: deployment.spec!.selector.matchExpressions }
            : {}),
        },
        template: {
          ...template,
          metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [hashLabel]: hash } },
        },
        ...(deployment.spec!.minReadySeconds === undefined
          ? {}
          : { minReadySeconds: deployment.spec!.minReadySeconds }),
      },
    };
    const key = keyOf(kinds.ReplicaSet, set);
    const stored = found ?? (await createIfAbsent(store, key, set));
    if (revisionOf(stored) !== revision)
      await mutate<ReplicaSet>(store, key, (draft) => {
        draft.metadata.annotations = {
          ...draft.metadata.annotations,
          [revisionAnnotation]: String(revision),
        };
      });
    if (deployment.metadata.annotations?.[revisionAnnotation] !== String(revision))
      await mutate<Deployment>(store, this.#key, (draft) => {
        draft.metadata.annotations = {
          ...draft.metadata.annotations,
          [revisionAnnotation]: String(revision),
        };
      });
    return stored;
  }

  async #prune(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    const limit = deployment.spec!.revisionHistoryLimit ?? 10;
    const empty = old.filter((set) => (set.spec?.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0);
    for (const set of empty.slice(0, Math.max(0, empty.length - limit)))
      await deleteIfPresent(this.#options.store, keyOf(kinds.ReplicaSet, set));
  }

  async #report(deployment: Deployment, sets: readonly ReplicaSet[], currentName: string): Promise<Result> {
    const { store, clock } = this.#options;
    const sum = (of: (set: ReplicaSet) => number | undefined) =>
      sets.reduce((total, set) => total + (of(set) ?? 0), 0);
    const current = sets.find((set) => set.metadata.name === currentName);
    const replicas = deployment.spec!.replicas ?? 1;
    const available = sum((set) => set.status?.availableReplicas);
    const counts = {
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: sum((set) => set.status?.replicas),
      updatedReplicas: current?.status?.replicas ?? 0,
      readyReplicas: sum((set) => set.status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, replicas - available),
    };
    const complete =
      counts.updatedReplicas === replicas &&
      counts.replicas === replicas &&
      (current?.status?.availableReplicas ?? 0) >= replicas;
    const deadline = (deployment.spec!.progressDeadlineSeconds ?? 600) * 1000;
    const before = deployment.status?.conditions?.find(({ type }) => type === 'Progressing') as
      | (Condition & { lastUpdateTime?: string })
      | undefined;
    const moved =
      canonicalJson({ ...counts, observedGeneration: 0 }) !==
      canonicalJson({ ...countsOf(deployment.status), observedGeneration: 0 });
    const since = Date.parse(before?.lastUpdateTime ?? timestamp(clock));
    const late = !complete && !moved && before !== undefined && clock.now() - since >= deadline;
    const progressing: Condition & { lastUpdateTime: string } = {
      type: 'Progressing',
      status: late ? 'False' : 'True',
      reason: late ? 'ProgressDeadlineExceeded' : complete ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
      message: late
        ? `ReplicaSet "${currentName}" has timed out progressing.`
        : complete
          ? `ReplicaSet "${currentName}" has successfully progressed.`
          : `ReplicaSet "${currentName}" is progressing.`,
      lastUpdateTime: moved || !before ? timestamp(clock) : (before.lastUpdateTime ?? timestamp(clock)),
    };
    const minimum = replicas - rolloutBounds(deployment).unavailable;
    const enough = available >= minimum;
    const condition: Condition = {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: enough
        ? 'Deployment has minimum availability.'
        : 'Deployment does not have minimum availability.',
    };
    const now = timestamp(clock);
    const status: DeploymentStatus = {
      ...counts,
      conditions: withCondition(
        withCondition(deployment.status?.conditions, condition, now),
        progressing,
        now,
      ),
    };
    if (canonicalJson(status) !== canonicalJson(deployment.status ?? {}))
      await mutateStatus<Deployment>(store, this.#key, (draft) => {
        draft.status = status;
      });
    return complete || late
      ? undefined
      : { again: Math.max(1000, Math.min(deadline, since + deadline - clock.now())) };
  }
}

function countsOf(status: DeploymentStatus | undefined): Record<string, number> {
  const names = [
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, status?.[name] ?? 0]));
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
}
