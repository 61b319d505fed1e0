import {
  controllerOf,
  type Deployment,
  keyOf,
  kinds,
  ownedBy,
  type ReplicaSet,
  type ResourceKey,
} from '@tagboat/api';
import { canonicalJson, shortened, shortHash, timestamp } from '@tagboat/base';
import { Controller, type EventRecorder, type Result } from '@tagboat/controller';
import { createIfAbsent, deleteIfPresent, mutate, mutateStatus } from '@tagboat/store';
import { rolloutStatus, sameStatus } from './deployment-status.ts';
import { ownerKeys, recorder, type WorkloadOptions } from './owned-pods.ts';
import { planRollout } from './plan-rollout.ts';
import { planScaling, replicasAnnotations } from './plan-scaling.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';

/** Rolls Deployments out through ReplicaSets (kubernetes pkg/controller/deployment). */
export function deploymentController(options: WorkloadOptions): Controller {
  const events = recorder(options, 'deployment-controller');
  return new Controller({
    name: 'deployment',
    reader: options.store,
    type: kinds.Deployment,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => new Rollout(options, events, key).reconcile() },
    watches: [
      {
        type: kinds.ReplicaSet,
        keys: ownerKeys(kinds.Deployment),
      },
    ],
  });
}

class Rollout {
  readonly #options: WorkloadOptions;
  readonly #events: EventRecorder;
  readonly #key: ResourceKey;

  constructor(options: WorkloadOptions, events: EventRecorder, key: ResourceKey) {
    this.#options = options;
    this.#events = events;
    this.#key = key;
  }

  async reconcile(): Promise<Result> {
    const { store } = this.#options;
    const deployment = await store.get<Deployment>(this.#key);
    if (!deployment?.spec || deployment.metadata.deletionTimestamp) return undefined;
    const sets = await this.#sets(deployment);
    const current = await this.#current(deployment, sets);
    const old = sets.filter((set) => set.metadata.name !== current.metadata.name);
    const plan = planScaling(deployment, current, old) ?? planRollout(deployment, current, old);
    const annotations = replicasAnnotations(deployment);
    for (const set of [current, ...old]) {
      const replicas = plan.get(set.metadata.name) ?? set.spec?.replicas ?? 0;
      if (replicas !== (set.spec?.replicas ?? 0)) await this.#scale(deployment, set, replicas);
      else if (replicas > 0) await this.#annotate(set, annotations);
    }
    await this.#prune(deployment, old);
    return this.#report(deployment, await this.#sets(deployment), current.metadata.name);
  }

  async #scale(deployment: Deployment, set: ReplicaSet, replicas: number): Promise<void> {
    const before = set.spec?.replicas ?? 0;
    await mutate<ReplicaSet>(this.#options.store, keyOf(kinds.ReplicaSet, set), (draft) => {
      draft.spec!.replicas = replicas;
      draft.metadata.annotations = { ...draft.metadata.annotations, ...replicasAnnotations(deployment) };
    });
    const direction = replicas > before ? 'up' : 'down';
    this.#events.record(deployment, {
      type: 'Normal',
      reason: 'ScalingReplicaSet',
      message: `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`,
    });
  }

  /** Remembers how large the Deployment was, so that it is seen when it is scaled in the middle of a rollout. */
  async #annotate(set: ReplicaSet, annotations: Record<string, string>): Promise<void> {
    if (Object.entries(annotations).every(([name, value]) => set.metadata.annotations?.[name] === value))
      return;
    await mutate<ReplicaSet>(this.#options.store, keyOf(kinds.ReplicaSet, set), (draft) => {
      draft.metadata.annotations = { ...draft.metadata.annotations, ...annotations };
    });
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
        annotations: { ...passedOn(deployment), [revisionAnnotation]: String(revision) },
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
    const annotations = { ...passedOn(deployment), [revisionAnnotation]: String(revision) };
    if (Object.entries(annotations).some(([name, value]) => stored.metadata.annotations?.[name] !== value))
      await mutate<ReplicaSet>(store, key, (draft) => {
        draft.metadata.annotations = { ...draft.metadata.annotations, ...annotations };
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
    const current = sets.find((set) => set.metadata.name === currentName);
    const { status, complete, late, deadline } = rolloutStatus({
      deployment,
      sets,
      current,
      now: timestamp(clock),
    });
    if (!sameStatus(deployment.status, status))
      await mutateStatus<Deployment>(store, this.#key, (draft) => {
        draft.status = status;
      });
    return complete || late || deployment.spec!.paused
      ? undefined
      : { again: Math.max(1000, deadline - clock.now()) };
  }
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
}

/** What a Deployment's annotations say about a revision, such as its change cause, is kept with the revision. */
function passedOn({ metadata }: Deployment): Record<string, string> {
  const own = new Set([revisionAnnotation, 'kubectl.kubernetes.io/last-applied-configuration']);
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !own.has(name)));
}
