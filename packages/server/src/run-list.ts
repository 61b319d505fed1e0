import { kinds, type PipelineRun } from '@tagboat/api';
import { type Clock, delay, invalid, isReason, type Logger } from '@tagboat/base';
import {
  matchesRun,
  newerRun,
  newestPerModel,
  type RunFilter,
  type RunSummary,
  summariseRun,
} from '@tagboat/render';
import type { Reader } from '@tagboat/store';

export interface RunPage {
  readonly items: readonly RunSummary[];
  /** Of all that match, not of this page. */
  readonly total: number;
  /** Of all that match the filter without its state. */
  readonly states: Readonly<Record<string, number>>;
  /** To be given as `after` for the next page; absent on the last one. */
  readonly next?: string;
  /** A watch from here on tells what changes after this answer. */
  readonly resourceVersion: string;
}

export type RunQuery = Readonly<Record<string, string | undefined>>;

const filters = ['project', 'repository', 'model', 'kind', 'state', 'tag', 'commit', 'by', 'text'] as const;
const largestPage = 500;

export interface RunListOptions {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Logger;
}

const pauseMilliseconds = 1000;

/**
 * What lists show of all runs, kept by a watch from the first time that somebody asks: there may be ten thousand, each
 * with its whole pipeline in it.
 */
export class RunList implements Disposable {
  readonly #options: RunListOptions;
  readonly #ended = new AbortController();
  #runs = new Map<string, RunSummary>();
  #revision = '';
  #known: Promise<void> | undefined;

  constructor(options: RunListOptions) {
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  /** Runs newest first, narrowed by `RunFilter`'s fields; `limit` and `after` page, `per: model` gives the newest of each model and kind. @throws `Invalid` */
  async page(query: RunQuery): Promise<RunPage> {
    const limit = Number(query.limit ?? 50);
    if (!Number.isInteger(limit) || limit < 1 || limit > largestPage)
      throw invalid(`expected a limit from 1 to ${largestPage}, found "${query.limit}"`);
    this.#known ??= this.#begin().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    await this.#known;
    const { state, ...rest } = Object.fromEntries(
      filters.flatMap((name) => (query[name] ? [[name, query[name]]] : [])),
    ) as RunFilter;
    const all = [...this.#runs.values()].filter((run) => matchesRun(run, rest));
    const matching = all.filter((run) => !state || run.state === state).sort(newerRun);
    const found = query.per === 'model' ? newestPerModel(matching) : matching;
    const from = query.after ? found.findIndex(({ uid }) => uid === query.after) + 1 : 0;
    const items = found.slice(from, from + limit);
    return {
      items,
      total: found.length,
      states: counted(all),
      ...(from + limit < found.length ? { next: items.at(-1)!.uid } : {}),
      resourceVersion: this.#revision,
    };
  }

  async #begin(): Promise<void> {
    await this.#read();
    void this.#follow();
  }

  async #read(): Promise<void> {
    const { items, resourceVersion } = await this.#options.reader.list<PipelineRun>(kinds.PipelineRun);
    this.#runs = new Map(items.map((run) => [run.metadata.uid ?? '', summariseRun(run)]));
    this.#revision = resourceVersion;
  }

  async #follow(): Promise<void> {
    const { reader, clock, log } = this.#options;
    const { signal } = this.#ended;
    let isKnown = true;
    while (!signal.aborted)
      try {
        if (!isKnown) await this.#read();
        isKnown = true;
        const options = { from: this.#revision, signal };
        for await (const { type, object } of reader.watch<PipelineRun>(kinds.PipelineRun, {}, options)) {
          const { uid = '', resourceVersion = this.#revision } = object.metadata;
          if (type === 'DELETED') this.#runs.delete(uid);
          else this.#runs.set(uid, summariseRun(object));
          this.#revision = resourceVersion;
        }
        await delay(clock, pauseMilliseconds, signal);
      } catch (error) {
        if (!isReason(error, 'Expired')) log.warn('the list of runs lost its watch; trying again', { error });
        isKnown = false;
        await delay(clock, isReason(error, 'Expired') ? 0 : pauseMilliseconds, signal);
      }
  }
}

function counted(runs: readonly RunSummary[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of runs) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
