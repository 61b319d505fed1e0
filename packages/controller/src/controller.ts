import { type KubernetesObject, keyOf, keyText, type ResourceKey, type ResourceType } from '@tagboat/api';
import {
  type Clock,
  describeError,
  type Logger,
  silentLogger,
  systemClock,
  TagboatError,
} from '@tagboat/base';
import type { Query, Reader, WatchEvent } from '@tagboat/store';
import { changes, inform } from './inform.ts';
import { WorkQueue } from './work-queue.ts';

/** What a reconcile leads to: nothing more to do, or another look after so many milliseconds. */
export type Result = undefined | { readonly again: number };

/**
 * Compares what is declared with what is, from the key and current state alone, and acts. Called again after an
 * error with a growing delay, unless the error says `retryable: false`.
 */
export interface Reconciler {
  // biome-ignore lint/suspicious/noConfusingVoidType: a reconciler that is done simply returns
  reconcile(key: ResourceKey, signal: AbortSignal): Promise<Result | void>;
}

/** Changes of objects of another type, and the keys that should be looked at because of them. */
export interface Watch {
  readonly type: ResourceType;
  /** Absent: all objects of the type. */
  readonly query?: Query;
  /**
   * Only what changes from now on, where nothing follows from what is there already: then objects that nobody else uses
   * are neither read nor kept. What changes while the watch is broken is missed.
   */
  readonly changesOnly?: boolean;
  readonly keys: (
    object: KubernetesObject,
    change: WatchEvent<KubernetesObject>['type'],
  ) => readonly ResourceKey[] | Promise<readonly ResourceKey[]>;
}

export interface ControllerOptions {
  readonly name: string;
  readonly reader: Reader;
  /** The type whose objects are reconciled. */
  readonly type: ResourceType;
  readonly reconciler: Reconciler;
  /** Which of them (default all). */
  readonly query?: Query;
  readonly watches?: readonly Watch[];
  /** How many keys at once (default 8). */
  readonly concurrency?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
}

const firstRetry = 100;
const longestRetry = 60_000;

/** Runs one reconciler: watches, queues keys, retries with back-off. Dispose to stop; running reconciles are awaited. */
export class Controller implements AsyncDisposable {
  readonly name: string;
  readonly #options: Required<ControllerOptions>;
  readonly #queue: WorkQueue;
  readonly #keys = new Map<string, ResourceKey>();
  readonly #failures = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #tasks: Promise<void>[] = [];

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = {
      query: {},
      watches: [],
      concurrency: 8,
      clock: systemClock,
      log: silentLogger,
      ...options,
    };
    this.#queue = new WorkQueue(this.#options.clock);
  }

  start(): this {
    const { type, query, watches, concurrency } = this.#options;
    this.#tasks.push(this.#follow({ type, query, keys: (object) => [keyOf(type, object)] }));
    for (const watch of watches) this.#tasks.push(this.#follow(watch));
    for (let index = 0; index < concurrency; index++) this.#tasks.push(this.#work());
    return this;
  }

  /** Asks for a look at this key, as a webhook or a timer does. */
  enqueue(key: ResourceKey): void {
    const text = keyText(key);
    this.#keys.set(text, key);
    this.#queue.add(text);
  }

  /** How many keys wait, run or are due later. */
  get size(): number {
    return this.#keys.size;
  }

  /** True when nothing waits or runs. */
  get idle(): boolean {
    return this.#queue.idle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#queue.close();
    await Promise.all(this.#tasks);
  }

  async #follow(watch: Watch): Promise<void> {
    const { reader, clock, log } = this.#options;
    const follow = watch.changesOnly ? changes : inform;
    const { type, query = {} } = watch;
    for await (const event of follow({ reader, type, query, clock, log, signal: this.#stop.signal })) {
      try {
        for (const key of await watch.keys(event.object, event.type)) this.enqueue(key);
      } catch (error) {
        log.error(`${this.name}: cannot tell what a changed ${watch.type.kind} concerns`, {
          name: event.object.metadata.name,
          error,
        });
      }
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const text = await this.#queue.take();
      if (text === undefined) return;
      await this.#reconcile(text, this.#keys.get(text)!);
      this.#queue.done(text);
      // Nothing is kept of what may never come again: names are made anew for each run.
      if (this.#queue.has(text)) continue;
      this.#keys.delete(text);
      this.#failures.delete(text);
    }
  }

  async #reconcile(text: string, key: ResourceKey): Promise<void> {
    const { reconciler, log } = this.#options;
    try {
      const result = await reconciler.reconcile(key, this.#stop.signal);
      this.#failures.delete(text);
      if (result) this.#queue.addAfter(text, result.again);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const failures = (this.#failures.get(text) ?? 0) + 1;
      this.#failures.set(text, failures);
      const final = error instanceof TagboatError && !error.retryable;
      const conflict = error instanceof TagboatError && error.reason === 'Conflict';
      if (!conflict)
        log.warn(`${this.name}: ${describeError(error)}`, {
          key: text,
          failures,
          ...(error instanceof TagboatError ? {} : { stack: (error as Error | undefined)?.stack }),
        });
      if (!final)
        this.#queue.addAfter(text, conflict ? 5 : Math.min(firstRetry * 2 ** (failures - 1), longestRetry));
    }
  }
}
