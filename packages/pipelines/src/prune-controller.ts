import {
  type ConfigMap,
  controllerOf,
  keyOf,
  kinds,
  type PipelineRun,
  type ResourceKey,
  type ResourceType,
  rerunOfAnnotation,
  type TaskRun,
} from '@tagboat/api';
import { type Clock, describeError, type Logger } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { deleteIfPresent, type ResourceStore } from '@tagboat/store';
import { settingsNamespace } from './config-defaults.ts';
import {
  beyondHistory,
  expiry,
  limitsFor,
  type PrunerSettings,
  parsePruner,
  prunerName,
} from './history-limits.ts';

type Run = PipelineRun | TaskRun;

interface PruneOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Removes finished runs as the pruner's ConfigMap says; without it nothing. Runs in a pipeline go with its run. */
export function pruneControllers(options: PruneOptions): Controller[] {
  const pruner = new Pruner(options);
  return [kinds.PipelineRun, kinds.TaskRun].map(
    (type) =>
      new Controller({
        name: `prune-${type.plural}`,
        reader: options.store,
        type,
        reconciler: { reconcile: (key) => pruner.look(key) },
        watches: [
          {
            type: kinds.ConfigMap,
            query: { namespace: settingsNamespace, name: prunerName },
            keys: () => pruner.runs(type),
          },
        ],
        clock: options.clock,
        log: options.log,
      }),
  );
}

class Pruner {
  readonly #options: PruneOptions;
  #read: { version: string; settings: PrunerSettings | undefined } | undefined;

  constructor(options: PruneOptions) {
    this.#options = options;
  }

  /** All runs there are: other settings may end the time of each. */
  async runs(type: ResourceType): Promise<ResourceKey[]> {
    return (await this.#options.store.list<Run>(type)).items.map((run) => keyOf(type, run));
  }

  async look(key: ResourceKey): Promise<Result> {
    const settings = await this.#settings();
    if (!settings) return undefined;
    const { store, clock } = this.#options;
    const run = await store.get<Run>(key);
    if (!run?.status?.completionTime || controllerOf(run)) return undefined;
    const limits = limitsFor(settings, key.namespace);
    const end = expiry(run, limits);
    const { items } = await store.list<Run>(key.type, { namespace: key.namespace });
    const own = items.filter((item) => !controllerOf(item));
    const surplus = beyondHistory(own, limits);
    if (end !== undefined && end <= clock.now()) surplus.push(run);
    // A rerun takes over what the earlier run did.
    const needed = new Set(
      own
        .filter(({ status }) => !status?.completionTime)
        .map(({ metadata }) => metadata.annotations?.[rerunOfAnnotation]),
    );
    for (const old of surplus)
      if (!needed.has(old.metadata.name)) await deleteIfPresent(store, keyOf(key.type, old));
    return end !== undefined && end > clock.now() ? { again: end - clock.now() } : undefined;
  }

  async #settings(): Promise<PrunerSettings | undefined> {
    const { store, log } = this.#options;
    const key: ResourceKey = { type: kinds.ConfigMap, namespace: settingsNamespace, name: prunerName };
    const found = await store.get<ConfigMap>(key);
    const version = found?.metadata.resourceVersion ?? '';
    if (this.#read?.version === version) return this.#read.settings;
    let settings: PrunerSettings | undefined;
    try {
      settings = found && parsePruner(found.data);
    } catch (error) {
      log.error(`the ConfigMap ${settingsNamespace}/${prunerName} is not used`, {
        error: describeError(error),
      });
    }
    this.#read = { version, settings };
    return settings;
  }
}
