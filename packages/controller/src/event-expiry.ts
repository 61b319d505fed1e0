import { type KubernetesObject, keyOf, kinds } from '@tagboat/api';
import { type Clock, delay, type Logger } from '@tagboat/base';
import { deleteIfPresent, type Reader, type Writer } from '@tagboat/store';
import type { Event } from './events.ts';

export interface EventExpiryOptions {
  readonly store: Reader & Writer;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long an event is kept after it was seen last, in milliseconds (default one hour, as in Kubernetes). */
  readonly keep?: number;
}

const hour = 3600_000;

/** Deletes Events that are old. Between two looks it sleeps until the next one can be due. */
export class EventExpiry implements AsyncDisposable {
  readonly #options: EventExpiryOptions;
  readonly #keep: number;
  readonly #stop = new AbortController();
  #task: Promise<void> = Promise.resolve();

  constructor(options: EventExpiryOptions) {
    this.#options = options;
    this.#keep = options.keep ?? hour;
  }

  start(): this {
    this.#task = this.#run();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#task;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let wait = this.#keep;
      try {
        wait = await this.#look();
      } catch (error) {
        log.warn('cannot delete old events; trying again', { error });
      }
      await delay(clock, wait, signal);
    }
  }

  /** Deletes what is due. @returns the milliseconds until the next can be; one that is not there yet is due later */
  async #look(): Promise<number> {
    const { store, clock } = this.#options;
    const { items } = await store.list<Event>(kinds.Event);
    let next = this.#keep;
    for (const event of items) {
      const left = lastSeen(event) + this.#keep - clock.now();
      if (left > 0) next = Math.min(next, left);
      else await deleteIfPresent(store, keyOf(kinds.Event, event));
    }
    return Math.max(next, 1000);
  }
}

function lastSeen(event: Event): number {
  const series = event.series as { lastObservedTime?: string } | undefined;
  const time =
    series?.lastObservedTime ??
    event.lastTimestamp ??
    (event.eventTime as string | undefined) ??
    created(event);
  const parsed = Date.parse(time);
  return Number.isNaN(parsed) ? Date.parse(created(event)) : parsed;
}

const created = (object: KubernetesObject) => object.metadata.creationTimestamp ?? '';
