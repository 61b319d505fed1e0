import type { KubernetesObject } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';

export interface Change {
  readonly revision: number;
  readonly type: string;
  /** `namespace/name` */
  readonly key: string;
  readonly object: KubernetesObject;
  /** The text of `object`. */
  readonly json: string;
  readonly previous: KubernetesObject | undefined;
  readonly removed: boolean;
}

/** Who follows changes. Batches are shared: they must not be changed. */
export interface Sink {
  push(changes: readonly Change[]): void;
  /** @param error why it gets nothing more, where it could not take what it was pushed */
  close(error?: unknown): void;
}

export interface HistoryLimits {
  readonly changes: number;
  readonly bytes: number;
}

/** A watcher that has this many changes waiting is cut off: it lists again instead of filling the memory. */
const maxBacklog = 50_000;

/** The newest changes, and everybody who follows them. A change is one shared object, whatever the number of followers. */
export class History {
  readonly #limits: HistoryLimits;
  readonly #sinks = new Map<string, Set<Sink>>();
  #changes: Change[] = [];
  #bytes = 0;
  #compacted: number;

  constructor(revision: number, limits: HistoryLimits) {
    this.#compacted = revision;
    this.#limits = limits;
  }

  /** The oldest revision that can still be watched from, or listed at. */
  get compacted(): number {
    return this.#compacted;
  }

  add(batch: readonly Change[]): void {
    const byType = Map.groupBy(batch, (change) => change.type);
    for (const change of batch) {
      this.#changes.push(change);
      this.#bytes += change.json.length;
    }
    this.#trim();
    for (const [type, changes] of byType)
      for (const sink of [...(this.#sinks.get(type) ?? [])])
        try {
          sink.push(changes);
        } catch (error) {
          // What is committed stands, and reaches all others; who cannot take it is told, and begins anew.
          this.#sinks.get(type)?.delete(sink);
          sink.close(error);
        }
  }

  /** Forgets the changes up to and including this revision. */
  compact(revision: number): void {
    this.#drop(this.#indexAfter(revision));
    this.#compacted = Math.max(this.#compacted, revision);
  }

  /** The changes of a type after a revision. @throws `Expired` */
  since(type: string, revision: number): Change[] {
    if (revision < this.#compacted)
      throw new TagboatError(
        `changes after revision ${revision} are no longer kept; the oldest is ${this.#compacted}`,
        { reason: 'Expired', hint: 'list again and watch from there' },
      );
    const found: Change[] = [];
    for (let index = this.#indexAfter(revision); index < this.#changes.length; index++)
      if (this.#changes[index]!.type === type) found.push(this.#changes[index]!);
    return found;
  }

  /** Hands every later change of the type to the sink, until disposed. */
  subscribe(type: string, sink: Sink): Disposable {
    const sinks = this.#sinks.get(type) ?? new Set();
    this.#sinks.set(type, sinks.add(sink));
    return { [Symbol.dispose]: () => sinks.delete(sink) };
  }

  close(): void {
    for (const sinks of this.#sinks.values()) for (const sink of [...sinks]) sink.close();
  }

  async *follow(type: string, from: number, signal?: AbortSignal): AsyncIterable<Change> {
    const follower = new Follower(this.since(type, from));
    using _subscription = this.subscribe(type, follower);
    const stop = () => follower.close();
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    try {
      for (;;) {
        const batch = await follower.take();
        if (!batch) return;
        for (const change of batch) {
          if (follower.closed) return;
          yield change;
        }
      }
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  #indexAfter(revision: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Trims to the limits only when twice too long, so that the cost per change stays constant. */
  #trim(): void {
    const { changes, bytes } = this.#limits;
    if (this.#changes.length <= changes * 2 && this.#bytes <= bytes * 2) return;
    let drop = Math.max(0, this.#changes.length - changes);
    let left = this.#bytes;
    for (let index = 0; index < drop; index++) left -= this.#changes[index]!.json.length;
    while (left > bytes && drop < this.#changes.length - 1) left -= this.#changes[drop++]!.json.length;
    this.#drop(drop);
  }

  #drop(count: number): void {
    const dropped = this.#changes.splice(0, count);
    for (const change of dropped) this.#bytes -= change.json.length;
    this.#compacted = dropped.at(-1)?.revision ?? this.#compacted;
  }
}

/** One reader of changes at its own pace. */
class Follower implements Sink {
  closed = false;
  #backlog: readonly Change[];
  #own: Change[] = [];
  #failure: TagboatError | undefined;
  #wake: (() => void) | undefined;

  constructor(backlog: readonly Change[]) {
    this.#backlog = backlog;
  }

  push(changes: readonly Change[]): void {
    if (this.#backlog.length + changes.length > maxBacklog) {
      this.#backlog = [];
      this.#failure = new TagboatError('this watch fell too far behind', {
        reason: 'Expired',
        hint: 'list again and watch from there',
      });
    } else if (this.#backlog.length === 0) this.#backlog = changes;
    else {
      // A batch is shared with other followers: the first that has to wait for a second one is copied.
      if (this.#own !== this.#backlog) this.#backlog = this.#own = [...this.#backlog];
      for (const change of changes) this.#own.push(change);
    }
    this.#wake?.();
  }

  close(): void {
    this.closed = true;
    this.#wake?.();
  }

  /** What waits, as soon as something does; undefined once closed. */
  async take(): Promise<readonly Change[] | undefined> {
    while (!this.closed && !this.#failure && this.#backlog.length === 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#wake = undefined;
    if (this.closed) return undefined;
    if (this.#failure) throw this.#failure;
    const batch = this.#backlog;
    this.#backlog = [];
    return batch;
  }
}
