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
  invalid,
  isReason,
  type Logger,
  notFound,
  TagboatError,
  timestamp,
} from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { Commit } from '@tagboat/git-client';
import { deleteIfPresent, mutate, type ResourceStore } from '@tagboat/store';
import {
  type Application,
  type ApplicationSource,
  hookAnnotation,
  trackingAnnotation,
} from './application.ts';
import { endOperation, recordSync, reportStatus, statusOf } from './application-status.ts';
import { tracked } from './diff.ts';
import { type Comparison, compareState, trackingId } from './plan-sync.ts';
import { runSync, type SyncPlan } from './run-sync.ts';
import { type RenderedSource, renderSource } from './source.ts';
import { SyncAttempts } from './sync-attempts.ts';

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
  /** Refuses what the cluster's API would not take; by default nothing is refused. @throws what is wrong with it */
  readonly check?: (object: KubernetesObject, live: KubernetesObject | undefined) => void;
}

const defaultInterval = 180_000;
const cascade = 'resources-finalizer.argocd.argoproj.io';

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

const isKept = ({ metadata }: KubernetesObject) => metadata.annotations?.[hookAnnotation] === undefined;

/** Hooks are not run here: who declares some is told, since what they prepare is missing then. */
function hooksNotRun({ objects }: RenderedSource): { type: string; message: string }[] {
  const hooks = objects.filter(
    (object) => !isKept(object) && object.metadata.annotations?.[hookAnnotation] !== 'Skip',
  );
  const named = hooks.map(
    ({ kind, metadata }) =>
      `${kind} ${metadata.name ?? `${metadata.generateName}*`} (${metadata.annotations![hookAnnotation]})`,
  );
  return named.length === 0
    ? []
    : [{ type: 'HooksNotRun', message: `hooks of a sync are not run here: ${named.join(', ')}` }];
}

interface Rendered {
  /** The source and its commit. */
  readonly id: string;
  /** The source and what its Repository showed; undefined where none shows it. */
  readonly seen: string | undefined;
  /** When git was asked, on the monotonic clock. */
  readonly at: number;
  readonly rendered: RenderedSource;
}

class ApplicationReconciler {
  readonly #options: ApplicationControllerOptions;
  readonly #rendered = new Map<string, Rendered>();
  readonly #attempts: SyncAttempts;

  constructor(options: ApplicationControllerOptions) {
    this.#options = options;
    this.#attempts = new SyncAttempts(options.clock);
  }

  async usersOf(repository: Repository): Promise<ResourceKey[]> {
    const url = repository.status?.url;
    const { items } = await this.#options.store.list<Application>(kinds.Application);
    return items
      .filter((application) => application.spec?.source?.repoURL === url)
      .map((application) => keyOf(kinds.Application, application));
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const { store, interval = defaultInterval } = this.#options;
    const application = await store.get<Application>(key);
    if (!application?.spec) {
      this.#rendered.delete(key.name);
      this.#attempts.forget(key.name);
      return undefined;
    }
    if (application.metadata.deletionTimestamp) return this.#remove(key, application);
    let rendered: RenderedSource;
    let desired: KubernetesObject[];
    try {
      rendered = await this.#render(application);
      desired = this.#placed(application, rendered);
    } catch (error) {
      if (!(error instanceof TagboatError)) throw error;
      if (application.operation) await this.#giveUp(application, error);
      await reportStatus(this.#options, key, {
        status: { sync: { ...application.status?.sync, status: 'Unknown' } },
        conditions: [{ type: 'ComparisonError', message: describeError(error) }],
      });
      return { again: Math.min(interval, 30_000) };
    }
    const conditions = hooksNotRun(rendered);
    let comparison = await this.#compare(application, desired);
    const asked = application.operation?.sync !== undefined;
    if (asked || this.#attempts.isDue(application, rendered, comparison)) {
      // Before anything is made: what the status does not name is not found again when it is to go.
      await reportStatus(this.#options, key, {
        status: statusOf(application, rendered, comparison),
        conditions,
      });
      await this.#sync(application, { rendered, comparison, prune: this.#prunes(application) });
      comparison = await this.#compare(application, desired);
    }
    await reportStatus(this.#options, key, {
      status: statusOf(application, rendered, comparison),
      conditions,
    });
    const soon = comparison.synced ? undefined : this.#attempts.again(key.name);
    return { again: Math.min(interval, soon ?? interval) };
  }

  async #render(application: Application): Promise<RenderedSource> {
    const source: ApplicationSource | undefined = application.spec!.source;
    if (typeof source?.repoURL !== 'string')
      throw invalid('expected a repository in spec.source.repoURL', {
        hint: 'several sources (spec.sources) are not acted on yet: make one Application of each',
      });
    const asked = application.operation?.sync;
    const revision = asked?.revision ?? source.targetRevision ?? 'HEAD';
    const known = this.#rendered.get(application.metadata.name);
    // Before git is asked: so what it then says is at least as new.
    const shown = await this.#shownOf(source.repoURL);
    const seen = shown && canonicalJson({ source, revision, shown });
    const at = this.#options.clock.monotonic();
    const isFresh =
      known && known.seen === seen && at - known.at < (this.#options.interval ?? defaultInterval);
    if (!asked && seen && isFresh) return known.rendered;
    const commit = await this.#commitOf(source.repoURL, revision);
    const id = canonicalJson({ source, commit: commit.id });
    const rendered = known?.id === id ? known.rendered : await renderSource(commit, source);
    this.#rendered.set(application.metadata.name, { id, seen, at, rendered });
    return rendered;
  }

  async #commitOf(url: string, revision: string): Promise<Commit> {
    const repository = await this.#options.repository(url);
    return Commit.at(repository, revision).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
      throw notFound(`${url} has no ${revision}`, {
        hint: 'nothing was released yet, or the repository was made anew: push a clone of it, or a tag',
      });
    });
  }

  /** What changes with every push to a hosted repository: while it is the same, git need not be asked again. */
  async #shownOf(url: string): Promise<string | undefined> {
    const { items } = await this.#options.store.list<Repository>(kinds.Repository);
    const found = items.find(({ spec, status }) => spec?.url === undefined && status?.url === url);
    return found && `${found.metadata.uid} ${found.metadata.resourceVersion}`;
  }

  /** Objects in their namespaces, tracked. */
  #placed(application: Application, rendered: RenderedSource): KubernetesObject[] {
    const namespace = application.spec!.destination.namespace ?? 'default';
    return rendered.objects.filter(isKept).map((object) => {
      const type = this.#options.types.of(object);
      if (!object.metadata.name)
        throw invalid(`expected metadata.name in this ${object.kind}, found metadata.generateName alone`, {
          hint: 'what git declares has a name, by which it is found again',
        });
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

  /** An operation that cannot even begin is over, and must not keep the application from following git. */
  async #giveUp(application: Application, error: TagboatError): Promise<void> {
    const now = timestamp(this.#options.clock);
    const state = { phase: 'Error', message: describeError(error), startedAt: now, finishedAt: now } as const;
    await endOperation(this.#options, application, state);
  }

  async #sync(application: Application, plan: SyncPlan): Promise<void> {
    this.#attempts.note(application, plan.rendered);
    const state = await runSync(this.#options, application, plan);
    await recordSync(this.#options, application, { rendered: plan.rendered, state });
    this.#options.onSync?.(application.metadata.name, state.phase === 'Succeeded');
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
