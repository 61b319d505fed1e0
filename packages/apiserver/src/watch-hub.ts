import type { KubernetesObject, ResourceType } from '@tagboat/api';
import { type Change, eventFor, type ObjectStore, type Query, type Sink } from '@tagboat/store';
import { statusOf } from './status.ts';

/** Where the bytes of a watch go. */
export interface WatchOutput {
  write(bytes: Buffer): void;
  /** Bytes that are written and not taken yet. */
  readonly waiting: number;
  /** Calls back once everything is taken. */
  onDrain(callback: () => void): void;
  end(): void;
}

/** What is watched; two watches with the same `key` get the same bytes. */
export interface Watched {
  readonly type: ResourceType;
  readonly query: Query;
  /** Names query and format. */
  readonly key: string;
  readonly encode: (type: string, object: KubernetesObject) => string;
}

/** A watcher with more than this waiting gets nothing until it has caught up; it then goes on from the history. */
const maxWaiting = 2 * 2 ** 20;

/**
 * Sends changes to many watchers: each change is encoded once for all that watch the same, and the same bytes go to
 * every one. Who reads slowly is left behind and caught up from the history, so that its memory is bounded.
 */
export class WatchHub {
  readonly #store: ObjectStore;
  readonly #channels = new Map<string, Channel>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Sends every change after `from` until disposed. @throws `Expired` */
  open(watched: Watched, from: string | undefined, output: WatchOutput): WatchMember {
    let channel = this.#channels.get(watched.key);
    if (!channel) {
      const made = new Channel(this.#store, watched, () => this.#channels.delete(watched.key));
      this.#channels.set(watched.key, made);
      channel = made;
    }
    return channel.join(from ?? this.#store.resourceVersion, output);
  }

  get channels(): number {
    return this.#channels.size;
  }
}

export interface WatchMember extends Disposable {
  /** The revision up to which everything was sent. */
  readonly revision: string;
}

class Channel implements Sink {
  readonly #store: ObjectStore;
  readonly #watched: Watched;
  readonly #closed: () => void;
  readonly #members = new Set<Member>();
  readonly #subscription: Disposable;

  constructor(store: ObjectStore, watched: Watched, closed: () => void) {
    this.#store = store;
    this.#watched = watched;
    this.#closed = closed;
    this.#subscription = store.follow(watched.type, undefined, this);
  }

  get revision(): string {
    return this.#store.resourceVersion;
  }

  join(from: string, output: WatchOutput): WatchMember {
    const member = new Member(this, from, output);
    this.#members.add(member);
    try {
      member.catchUp();
    } catch (error) {
      this.leave(member);
      throw error;
    }
    return member;
  }

  leave(member: Member): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    this.#subscription[Symbol.dispose]();
    this.#closed();
  }

  push(changes: readonly Change[]): void {
    const bytes = this.encode(changes);
    const revision = String(changes.at(-1)!.revision);
    for (const member of [...this.#members]) member.send(bytes, revision);
  }

  close(error?: unknown): void {
    for (const member of [...this.#members]) member.end(error);
  }

  encode(changes: readonly Change[]): Buffer | undefined {
    const { query, encode } = this.#watched;
    let text = '';
    for (const change of changes) {
      const event = eventFor(change, query);
      if (event) text += encode(event.type, event.object);
    }
    return text === '' ? undefined : Buffer.from(text);
  }

  /** The changes since a revision, and the revision that they lead to. */
  since(from: string): { bytes: Buffer | undefined; revision: string } {
    using past = this.#store.follow(this.#watched.type, from, {
      push: () => undefined,
      close: () => undefined,
    });
    return { bytes: this.encode(past.past), revision: this.#store.resourceVersion };
  }
}

class Member implements WatchMember {
  readonly #channel: Channel;
  readonly #output: WatchOutput;
  #revision: string;
  #behind = false;
  #ended = false;

  constructor(channel: Channel, from: string, output: WatchOutput) {
    this.#channel = channel;
    this.#revision = from;
    this.#output = output;
  }

  get revision(): string {
    // Who is not behind has seen all there is: also that nothing of this type changed since.
    return this.#behind || this.#ended ? this.#revision : this.#channel.revision;
  }

  send(bytes: Buffer | undefined, revision: string): void {
    if (this.#behind || this.#ended) return;
    if (bytes && this.#output.waiting > maxWaiting) {
      this.#behind = true;
      this.#output.onDrain(() => this.#resume());
      return;
    }
    if (bytes) this.#output.write(bytes);
    this.#revision = revision;
  }

  /** @throws `Expired` */
  catchUp(): void {
    const { bytes, revision } = this.#channel.since(this.#revision);
    if (bytes) this.#output.write(bytes);
    this.#revision = revision;
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error !== undefined)
      this.#output.write(Buffer.from(`${JSON.stringify({ type: 'ERROR', object: statusOf(error) })}\n`));
    this.#output.end();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#channel.leave(this);
  }

  #resume(): void {
    if (this.#ended) return;
    this.#behind = false;
    try {
      this.catchUp();
    } catch (error) {
      this.end(error);
    }
  }
}
