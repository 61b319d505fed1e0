import {
  type KubernetesObject,
  keyOf,
  kinds,
  type Repository,
  type ResourceKey,
  type TypeRegistry,
} from '@tagboat/api';
import {
  type Clock,
  canonicalJson,
  describeError,
  isReason,
  type Logger,
  TagboatError,
  timestamp,
} from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { Commit } from '@tagboat/git-client';
import { createIfAbsent, deleteIfPresent, mutate, type ResourceStore } from '@tagboat/store';
import {
  type Application,
  type ApplicationStatus,
  type OperationState,
  refreshAnnotation,
  trackingAnnotation,
} from './application.ts';
import { applied, tracked } from './diff.ts';
import { type Comparison, compareState, trackingId } from './plan-sync.ts';
import { type RenderedSource, renderSource } from './source.ts';

export interface ApplicationControllerOptions {
  readonly store: ResourceStore;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  /** A bare clone on this machine of a git URL, up to date. */
  readonly repository: (url: string) => Promise<string>;
  /** Milliseconds between looks without a nudge (default 3 minutes, as Argo CD's). */
  readonly interval?: number;
  readonly onSync?: (application: string, succeeded: boolean) => void;
}

const cascade = 'resources-finalizer.argocd.argoproj.io';
const historyLimit = 10;

/** Keeps what runs what git declares: render, compare, sync, prune, heal, and say how it is (Argo CD's Application). */
export function applicationController(options: ApplicationControllerOptions): Controller {
  const reconciler = new ApplicationReconciler(options);
  const managed = [
    kinds.InferenceService,
    kinds.Deployment,
    kinds.Service,
    kinds.ConfigMap,
    kinds.Secret,
    kinds.Job,
    kinds.CronJob,
    kinds.Namespace,
    kinds.PersistentVolumeClaim,
    kinds.Ingress,
  ];
  return new Controller({
    name: 'application',
    reader: options.store,
    type: kinds.Application,
    clock: options.clock,
    log: options.log,
    reconciler,
    watches: [
      { type: kinds.Repository, keys: (repository) => reconciler.usersOf(repository as Repository) },
      // Applications are looked at when they are seen, and every few minutes: only later changes say something new.
      ...managed.map((type) => ({ type, keys: ownerKeys, changesOnly: true })),
    ],
  });
}

function ownerKeys(object: KubernetesObject): ResourceKey[] {
  const name = object.metadata.annotations?.[trackingAnnotation]?.split(':')[0];
  return name ? [{ type: kinds.Application, namespace: 'argocd', name }] : [];
}

class ApplicationReconciler {
  readonly #options: ApplicationControllerOptions;
  readonly #rendered = new Map<string, { id: string; rendered: RenderedSource }>();
  /** The revision and time of the last automatic attempt, so that what fails is not tried again and again. */
  readonly #attempts = new Map<string, { id: string; count: number; at: number }>();

  constructor(options: ApplicationControllerOptions) {
    this.#options = options;
  }

  async usersOf(repository: Repository): Promise<ResourceKey[]> {
    const url = repository.status?.url;
    const { items } = await this.#options.store.list<Application>(kinds.Application);
    return items
      .filter((application) => application.spec?.source?.repoURL === url)
      .map((application) => keyOf(kinds.Application, application));
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const { store, interval = 180_000 } = this.#options;
    const application = await store.get<Application>(key);
    if (!application?.spec) {
      this.#rendered.delete(key.name);
      return undefined;
    }
    if (application.metadata.deletionTimestamp) return this.#remove(key, application);
    let rendered: RenderedSource;
    try {
      rendered = await this.#render(application);
    } catch (error) {
      if (!(error instanceof TagboatError)) throw error;
      await this.#report(key, { sync: { ...application.status?.sync, status: 'Unknown' } }, [
        { type: 'ComparisonError', message: describeError(error) },
      ]);
      return { again: Math.min(interval, 30_000) };
    }
    const desired = this.#placed(application, rendered);
    let comparison = await this.#compare(application, desired);
    const asked = application.operation?.sync !== undefined;
    if (asked || this.#automatic(application, rendered, comparison)) {
      await this.#sync(key, application, { rendered, comparison, prune: this.#prunes(application) });
      comparison = await this.#compare(application, desired);
    }
    await this.#report(key, this.#status(application, rendered, comparison), []);
    const failing = this.#attempts.get(key.name);
    return {
      again:
        !comparison.synced && failing ? Math.min(interval, 2000 * 3 ** Math.min(failing.count, 5)) : interval,
    };
  }

  async #render(application: Application): Promise<RenderedSource> {
    const { source } = application.spec!;
    const repository = await this.#options.repository(source.repoURL);
    const revision = application.operation?.sync?.revision ?? source.targetRevision ?? 'HEAD';
    const commit = await Commit.at(repository, revision);
    const id = canonicalJson({ source, commit: commit.id });
    const known = this.#rendered.get(application.metadata.name);
    if (known?.id === id) return known.rendered;
    const rendered = await renderSource(repository, source, commit.id);
    this.#rendered.set(application.metadata.name, { id, rendered });
    return rendered;
  }

  /** Objects in their namespaces, tracked. */
  #placed(application: Application, rendered: RenderedSource): KubernetesObject[] {
    const namespace = application.spec!.destination.namespace ?? 'default';
    return rendered.objects.map((object) => {
      const type = this.#options.types.of(object);
      const placed =
        type.namespaced && !object.metadata.namespace
          ? { ...object, metadata: { ...object.metadata, namespace } }
          : object;
      return tracked(placed, trackingId(application.metadata.name, placed));
    });
  }

  async #compare(application: Application, desired: readonly KubernetesObject[]): Promise<Comparison> {
    const { store, types } = this.#options;
    const live = new Map<string, KubernetesObject>();
    for (const object of desired) {
      const type = types.of(object);
      const found = await store.get(keyOf(type, object));
      if (found) live.set(found.metadata.uid ?? '', found);
    }
    for (const { group, kind, version, namespace, name } of application.status?.resources ?? []) {
      const type = types.find(group === '' ? version : `${group}/${version}`, kind);
      const found = type && (await store.get({ type, namespace, name }));
      if (found) live.set(found.metadata.uid ?? '', found);
    }
    return compareState({
      application: application.metadata.name,
      spec: application.spec!,
      desired,
      live: [...live.values()],
    });
  }

  #prunes(application: Application): boolean {
    return application.operation?.sync?.prune ?? application.spec!.syncPolicy?.automated?.prune ?? false;
  }

  #automatic(application: Application, rendered: RenderedSource, comparison: Comparison): boolean {
    const automated = application.spec!.syncPolicy?.automated;
    if (!automated || automated.enabled === false || comparison.synced) return false;
    if (comparison.toApply.length === 0 && !automated.prune) return false;
    if (rendered.objects.length === 0 && comparison.toPrune.length > 0 && !automated.allowEmpty) return false;
    const id = canonicalJson({ revision: rendered.revision, source: application.spec!.source });
    const before = this.#attempts.get(application.metadata.name);
    if (before?.id !== id) return true;
    const synced = application.status?.operationState?.phase === 'Succeeded';
    const limit = application.spec!.syncPolicy?.retry?.limit ?? 5;
    const wait = before.count <= 1 ? 0 : Math.min(300_000, 2000 * 3 ** (before.count - 2));
    const due = this.#options.clock.now() - before.at >= wait;
    return due && (synced ? (automated.selfHeal ?? false) : before.count <= limit);
  }

  async #sync(
    key: ResourceKey,
    application: Application,
    plan: { rendered: RenderedSource; comparison: Comparison; prune: boolean },
  ): Promise<void> {
    const { store, types, clock } = this.#options;
    const { rendered, comparison, prune } = plan;
    const id = canonicalJson({ revision: rendered.revision, source: application.spec!.source });
    const before = this.#attempts.get(key.name);
    this.#attempts.set(key.name, { id, count: before?.id === id ? before.count + 1 : 1, at: clock.now() });
    const startedAt = timestamp(clock);
    const resources: { kind: string; namespace: string; name: string; status: string; message: string }[] =
      [];
    let failed = false;
    const attempt = async (object: KubernetesObject, status: string, work: () => Promise<unknown>) => {
      const named = {
        kind: object.kind,
        namespace: object.metadata.namespace ?? '',
        name: object.metadata.name,
      };
      try {
        await work();
        resources.push({ ...named, status, message: '' });
      } catch (error) {
        failed = true;
        resources.push({ ...named, status: 'SyncFailed', message: describeError(error) });
      }
    };
    const options = application.spec!.syncPolicy?.syncOptions ?? [];
    const namespace = application.spec!.destination.namespace;
    if (namespace && options.includes('CreateNamespace=true')) {
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
      await createIfAbsent(store, keyOf(kinds.Namespace, object), object);
    }
    for (const object of comparison.toApply) await attempt(object, 'Synced', () => this.#apply(object));
    for (const object of prune && !failed ? comparison.toPrune : [])
      if (object.metadata.annotations?.['argocd.argoproj.io/sync-options']?.includes('Prune=false') !== true)
        await attempt(object, 'Pruned', () => deleteIfPresent(store, keyOf(types.of(object), object)));
    const state: OperationState = {
      phase: failed ? 'Failed' : 'Succeeded',
      message: failed
        ? resources
            .filter(({ status }) => status === 'SyncFailed')
            .map(({ kind, name, message }) => `${kind} ${name}: ${message}`)
            .join('; ')
        : 'successfully synced',
      startedAt,
      finishedAt: timestamp(clock),
      syncResult: { revision: rendered.revision, resources },
    };
    await this.#recordSync(key, application, { rendered, state });
    this.#options.onSync?.(key.name, !failed);
  }

  async #apply(object: KubernetesObject): Promise<void> {
    const { store, types } = this.#options;
    const key = keyOf(types.of(object), object);
    for (let attempt = 0; ; attempt++) {
      const live = await store.get(key);
      try {
        if (live) await store.update(applied(live, object));
        else await store.create(object);
        return;
      } catch (error) {
        if (!(isReason(error, 'Conflict') || isReason(error, 'AlreadyExists')) || attempt > 5) throw error;
      }
    }
  }

  async #recordSync(
    key: ResourceKey,
    application: Application,
    { rendered, state }: { rendered: RenderedSource; state: OperationState },
  ): Promise<void> {
    const { store, clock } = this.#options;
    await mutate<Application>(store, key, (draft) => {
      delete draft.operation;
      const history = draft.status?.history ?? [];
      const last = history.at(-1);
      const entry = {
        id: (last?.id ?? -1) + 1,
        revision: rendered.revision,
        deployedAt: timestamp(clock),
        source: application.spec!.source,
      };
      const isNew = state.phase === 'Succeeded' && last?.revision !== rendered.revision;
      draft.status = {
        ...draft.status,
        operationState: state,
        history: isNew
          ? [...history, entry].slice(-(application.spec!.revisionHistoryLimit ?? historyLimit))
          : history,
      };
    });
  }

  #status(application: Application, rendered: RenderedSource, comparison: Comparison): ApplicationStatus {
    const images = rendered.objects.flatMap((object) =>
      [...JSON.stringify(object).matchAll(/"image":"([^"]+)"/g)].map((match) => match[1]!),
    );
    return {
      sync: {
        status: comparison.synced ? 'Synced' : 'OutOfSync',
        revision: rendered.revision,
        comparedTo: { source: application.spec!.source, destination: application.spec!.destination },
      },
      health: comparison.health,
      resources: comparison.resources,
      sourceType: rendered.sourceType,
      summary: { images: [...new Set(images)].sort() },
    };
  }

  async #report(
    key: ResourceKey,
    status: ApplicationStatus,
    conditions: readonly { type: string; message: string }[],
  ): Promise<void> {
    const { store, clock } = this.#options;
    const now = timestamp(clock);
    try {
      await mutate<Application>(store, key, (draft) => {
        const { reconciledAt: _, ...before } = draft.status ?? {};
        const old = before.conditions ?? [];
        const listed = conditions.map((condition) => ({
          ...condition,
          lastTransitionTime:
            old.find((found) => found.type === condition.type && found.message === condition.message)
              ?.lastTransitionTime ?? now,
        }));
        const failure =
          before.operationState?.phase === 'Failed'
            ? [
                {
                  type: 'SyncError',
                  message: before.operationState.message,
                  lastTransitionTime: before.operationState.finishedAt ?? now,
                },
              ]
            : [];
        const next = { ...before, ...status, conditions: [...listed, ...failure] };
        const refreshed = draft.metadata.annotations?.[refreshAnnotation] !== undefined;
        if (!refreshed && canonicalJson(next) === canonicalJson({ conditions: [], ...before })) return false;
        if (refreshed) delete draft.metadata.annotations![refreshAnnotation];
        draft.status = { ...next, reconciledAt: now };
        return undefined;
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  async #remove(key: ResourceKey, application: Application): Promise<Result> {
    const { store, types } = this.#options;
    if (!application.metadata.finalizers?.includes(cascade)) return undefined;
    const left = [];
    for (const { group, version, kind, namespace, name } of application.status?.resources ?? []) {
      const type = types.find(group === '' ? version : `${group}/${version}`, kind);
      const found = type && (await store.get({ type, namespace, name }));
      if (!found || found.metadata.annotations?.[trackingAnnotation]?.split(':')[0] !== key.name) continue;
      left.push(found);
      await deleteIfPresent(store, { type: type!, namespace, name });
    }
    if (left.length > 0) return { again: 200 };
    await mutate<Application>(store, key, (draft) => {
      draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((name) => name !== cascade);
    });
    return undefined;
  }
}
