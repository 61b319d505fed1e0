import {
  type Condition,
  type DriftReport,
  type EnvironmentDrift,
  findCondition,
  type KubernetesObject,
  keyOf,
  keyText,
  kinds,
  withCondition,
} from '@tagboat/api';
import {
  type Clock,
  canonicalJson,
  describeError,
  isReason,
  type Logger,
  parseDuration,
  timestamp,
} from '@tagboat/base';
import type { EventRecorder } from '@tagboat/controller';
import { type DriftSettings, environmentNamespace, type Model, type Place, placeOf } from '@tagboat/render';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { goRound } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { driftMetrics } from './drift-metrics.ts';
import { InputWindow, type ServerInputs } from './input-window.ts';
import { parseProfile } from './profile.ts';
import { fetchInputs } from './server-inputs.ts';
import { driftingCondition, furthestOf, judgeInputs, type Seen, worstOf } from './verdict.ts';
import { WindowFiles } from './window-files.ts';

export interface DriftWatchOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'record'>;
  /** Where counted inputs are kept over a restart. */
  readonly directory: string;
  /** The ready predictors, among others. */
  readonly targets: () => readonly Target[];
  /** The profile beside a released model, as JSON; nothing where it has none. */
  readonly reference: (place: Place) => Promise<unknown>;
  readonly fetch?: (url: string, signal: AbortSignal) => Promise<ServerInputs | undefined>;
}

/** Milliseconds between two looks. */
export const driftInterval = 15_000;
/** So many models are looked at side by side. */
const sideBySide = 16;

/**
 * Compares what models are asked with what they were trained for: gathers what all replicas of each version counted,
 * says how it stands in the Model's condition `Drifting`, and in an Event when that changes.
 */
export class DriftWatch implements AsyncDisposable {
  readonly #options: DriftWatchOptions;
  readonly #files: WindowFiles;
  readonly #stop = new AbortController();
  readonly #reports = new Map<string, DriftReport>();
  #windows = new Map<string, InputWindow>();
  /** When a window was last of what is deployed. */
  readonly #touched = new Map<string, number>();
  /** Models that have no reference: their artifacts never get one. */
  readonly #without = new Set<string>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: DriftWatchOptions) {
    this.#options = options;
    this.#files = new WindowFiles(options.directory, options.log);
  }

  /** Reads what is kept, and begins to look. */
  async start(): Promise<this> {
    await this.load();
    const { clock, log } = this.#options;
    const rounds = { clock, log, interval: driftInterval, signal: this.#stop.signal };
    this.#running = goRound(rounds, 'looking for drift failed', () => this.look());
    return this;
  }

  async load(): Promise<void> {
    this.#windows = await this.#files.load();
    for (const key of this.#windows.keys()) this.#touched.set(key, this.#options.clock.now());
  }

  /** Looks once at every model that asks for it. */
  async look(): Promise<void> {
    const { items } = await this.#options.store.list<Model>(kinds.Model);
    const isWatched = ({ spec }: Model) => spec?.monitor?.drift !== undefined && spec.serve !== undefined;
    const watched = items.filter(isWatched);
    const keys = new Set(watched.map((model) => keyText(keyOf(kinds.Model, model))));
    for (const key of this.#reports.keys()) if (!keys.has(key)) this.#reports.delete(key);
    for (const model of items) if (!isWatched(model)) await this.#say(model, undefined);
    for (let at = 0; at < watched.length; at += sideBySide)
      await Promise.all(watched.slice(at, at + sideBySide).map((model) => this.#lookSafely(model)));
    await this.#forget();
  }

  /** What the last look found of a model; nothing where it is not watched. */
  report(project: string, model: string): DriftReport | undefined {
    return this.#reports.get(keyText({ type: kinds.Model, namespace: project, name: model }));
  }

  metricsText(): string {
    return driftMetrics([...this.#reports.values()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One model that cannot be looked at must not hide the others. */
  async #lookSafely(model: Model): Promise<void> {
    const { name, namespace } = model.metadata;
    await this.#lookAt(model).catch((error: unknown) =>
      this.#options.log.warn('looking for drift failed', { model: `${namespace}/${name}`, error }),
    );
  }

  async #lookAt(model: Model): Promise<void> {
    const settings = model.spec!.monitor!.drift!;
    const { name, namespace: project = '' } = model.metadata;
    const environments: EnvironmentDrift[] = [];
    for (const target of model.spec!.deploy) {
      const namespace = environmentNamespace(project, target);
      const key = { type: kinds.InferenceService, namespace, name };
      const service = await this.#options.store.get<KubernetesObject>(key);
      const place = service && placeOf(service);
      if (!place?.modelDigest) continue;
      const served = {
        environment: target.environment,
        namespace,
        tag: place.tag,
        modelDigest: place.modelDigest,
      };
      environments.push(judgeInputs(served, await this.#seen(place, settings), settings));
    }
    const { method, threshold, window, minSamples } = settings;
    this.#reports.set(keyText(keyOf(kinds.Model, model)), {
      project,
      model: name,
      method,
      threshold,
      window,
      minSamples,
      environments,
    });
    const worst = worstOf(environments);
    await this.#say(model, { condition: driftingCondition(worst), furthest: furthestOf(worst, settings) });
  }

  async #seen(place: Place, settings: DriftSettings): Promise<Seen> {
    const key = `${place.environment}/${place.model}/${place.modelDigest}`;
    const { clock } = this.#options;
    const found = await this.#windowOf(key, place).catch(
      (error: unknown): Seen => ({
        kind: 'problem',
        reason: 'ReferenceUnavailable',
        message: `the reference of ${place.tag} cannot be read: ${describeError(error)}`,
      }),
    );
    if (!(found instanceof InputWindow)) return found;
    this.#touched.set(key, clock.now());
    const span = { now: clock.now(), window: parseDuration(settings.window) };
    const answers = await Promise.all(this.#serversOf(place).map((target) => this.#ask(target)));
    let isNew = false;
    for (const { server, inputs } of answers.flatMap((answer) => answer ?? []))
      if (inputs.model === place.modelDigest) isNew = found.add(server, inputs, span) || isNew;
    if (isNew) await this.#files.save(key, found);
    return { kind: 'inputs', profile: found.profile, ...found.total(span) };
  }

  async #windowOf(key: string, place: Place): Promise<InputWindow | Seen> {
    const known = this.#windows.get(key);
    if (known) return known;
    const value = this.#without.has(key) ? undefined : await this.#options.reference(place);
    if (value === undefined) {
      this.#without.add(key);
      const message = `${place.tag} has no reference of its inputs: name one by monitor.reference in tagboat.yaml, and release again`;
      return { kind: 'problem', reason: 'NoReference', message };
    }
    const made = new InputWindow(parseProfile(value));
    this.#windows.set(key, made);
    return made;
  }

  #serversOf(place: Place): Target[] {
    return this.#options
      .targets()
      .filter(
        ({ labels }) => labels.namespace === place.environment && labels.inferenceservice === place.model,
      );
  }

  async #ask(target: Target): Promise<{ server: string; inputs: ServerInputs } | undefined> {
    const { fetch = fetchInputs, log } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(5000)]);
    try {
      const inputs = await fetch(new URL('/inputs', target.url).href, signal);
      return inputs && { server: target.labels.pod ?? target.url, inputs };
    } catch (error) {
      log.info('a model server does not say what it was asked', { url: target.url, error });
      return undefined;
    }
  }

  /** Windows of what is deployed no more are forgotten after a while: a rollback finds its own again. */
  async #forget(): Promise<void> {
    const oldest = this.#options.clock.now() - keptFor;
    for (const [key, at] of this.#touched) {
      if (at >= oldest) continue;
      this.#touched.delete(key);
      this.#windows.delete(key);
      await this.#files.remove(key);
    }
  }

  async #say(model: Model, said: Said | undefined): Promise<void> {
    const condition = said?.condition;
    const before = findCondition(model.status?.conditions, 'Drifting');
    if (condition ? isSame(before, condition) && isEqual(model.status?.drift, said?.furthest) : !before)
      return;
    const now = timestamp(this.#options.clock);
    try {
      await mutateStatus<Model>(this.#options.store, keyOf(kinds.Model, model), (draft) => {
        const others = draft.status?.conditions ?? [];
        const conditions = condition
          ? withCondition(others, condition, now)
          : others.filter(({ type }) => type !== 'Drifting');
        const { drift: _before, ...status } = draft.status ?? {};
        draft.status = { ...status, conditions, ...(said?.furthest ? { drift: said.furthest } : {}) };
      });
    } catch (error) {
      if (isReason(error, 'NotFound')) return;
      throw error;
    }
    if (condition && condition.status !== (before?.status ?? 'Unknown')) this.#record(model, condition);
  }

  #record(model: Model, { status, message = '' }: Condition): void {
    const [type, reason] =
      status === 'True'
        ? (['Warning', 'DriftDetected'] as const)
        : (['Normal', status === 'False' ? 'InputsSteady' : 'DriftUnknown'] as const);
    this.#options.events.record(model, { type, reason, message });
  }
}

const isEqual = (a: object | undefined, b: object | undefined) =>
  canonicalJson(a ?? {}) === canonicalJson(b ?? {});

interface Said {
  readonly condition: Condition;
  readonly furthest: ReturnType<typeof furthestOf>;
}

const keptFor = 24 * 3600_000;

const isSame = (a: Condition | undefined, b: Condition) =>
  a?.status === b.status && a.reason === b.reason && a.message === b.message;
