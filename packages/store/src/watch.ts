import type { KubernetesObject } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';

export interface Change {
  readonly revision: number;
  readonly type: string;
  readonly object: KubernetesObject;
  readonly previous: KubernetesObject | undefined;
  readonly removed: boolean;
}

/** A watcher that has this many changes waiting is cut off: it lists again instead of filling the memory. */
const maxBacklog = 50_000;

class Follower {
  backlog: Change[] = [];
  failure: TagboatError | undefined;
  closed = false;
  #wake: (() => void) | undefined;

  push(change: Change): void {
    if (this.backlog.length >= maxBacklog) {
      this.backlog = [];
      this.failure = new TagboatError('this watch fell too far behind', {
        reason: 'Expired',
        hint: 'list again and watch from there',
      });
    } else this.backlog.push(change);
    this.wake();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** The newest changes, and everybody who follows them. A change is one shared object, whatever the number of followers. */
export class History {
  readonly #limit: number;
  readonly #followers = new Map<string, Set<Follower>>();
  #changes: Change[] = [];
  #compacted: number;

  constructor(revision: number, limit: number) {
    this.#compacted = revision;
    this.#limit = limit;
  }

  add(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length > this.#limit * 2) {
      const dropped = this.#changes.splice(0, this.#changes.length - this.#limit);
      this.#compacted = dropped.at(-1)!.revision;
    }
    for (const follower of this.#followers.get(change.type) ?? []) follower.push(change);
  }

  close(): void {
    for (const followers of this.#followers.values())
      for (const follower of followers) {
        follower.closed = true;
        follower.wake();
      }
  }

  async *follow(type: string, from: number, signal?: AbortSignal): AsyncIterable<Change> {
    if (from < this.#compacted)
      throw new TagboatError(
        `changes after revision ${from} are no longer kept; the oldest is ${this.#compacted}`,
        { reason: 'Expired', hint: 'list again and watch from there' },
      );
    const follower = new Follower();
    follower.backlog = this.#changes.filter((change) => change.revision > from && change.type === type);
    const followers = this.#followers.get(type) ?? new Set();
    this.#followers.set(type, followers.add(follower));
    const stop = () => {
      follower.closed = true;
      follower.wake();
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    try {
      for (;;) {
        if (follower.closed) return;
        if (follower.failure) throw follower.failure;
        const batch = follower.backlog;
        follower.backlog = [];
        for (const change of batch) {
          if (follower.closed) return;
          yield change;
        }
        if (batch.length === 0 && !follower.closed && !follower.failure) await follower.wait();
      }
    } finally {
      followers.delete(follower);
      signal?.removeEventListener('abort', stop);
    }
  }
}
