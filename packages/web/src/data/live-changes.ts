import type { KubernetesObject, ResourceType } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import type { Connection } from './connection.ts';
import { isFinal } from './live-list.ts';

export interface Change<Read> {
  readonly revision: number;
  readonly object: Read;
  readonly deleted: boolean;
}

export interface LiveChangesOptions<T, Read> {
  readonly client: Pick<Client, 'list' | 'watch'>;
  readonly connection: Connection;
  readonly type: ResourceType;
  /** What is kept of an object. */
  readonly read: (object: T) => Read;
  /** Called where changes were missed: what was read before is to be read again. */
  readonly missed: () => void;
}

/** What changed in a kind since somebody began to look, by uid: for kinds of which there are too many to list. */
export class LiveChanges<T extends KubernetesObject, Read> {
  readonly #options: LiveChangesOptions<T, Read>;
  readonly #listeners = new Set<() => void>();
  #changed: ReadonlyMap<string, Change<Read>> = new Map();
  #pending = new Map<string, Change<Read>>();
  #ended: AbortController | undefined;
  #begun = Promise.withResolvers<void>();

  constructor(options: LiveChangesOptions<T, Read>) {
    this.#options = options;
  }

  /** Watches as long as somebody listens. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (!this.#ended) {
      this.#ended = new AbortController();
      void this.#run(this.#ended.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#ended?.abort();
      this.#ended = undefined;
      this.#begun = Promise.withResolvers<void>();
    };
  };

  /** Resolves once every later change will be seen, or none ever will because this may not be read. */
  begun(): Promise<void> {
    return this.#begun.promise;
  }

  readonly current = (): ReadonlyMap<string, Change<Read>> => this.#changed;

  async #run(signal: AbortSignal): Promise<void> {
    const { connection, missed } = this.#options;
    let from: string | undefined;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        from ??= await this.#now();
        connection.report(false);
        this.#begun.resolve();
        for await (const revision of this.#follow(from, signal)) {
          from = revision;
          attempt = 0;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isReason(error, 'Expired')) {
          from = undefined;
          missed();
        } else if (isFinal(error)) return this.#begun.resolve();
        else connection.report(true, error);
      }
      await connection.pause(attempt, signal);
    }
  }

  /** The present revision, without reading what is there. */
  async #now(): Promise<string> {
    const { client, type } = this.#options;
    return (await client.list<T>(type, { limit: 1 })).resourceVersion;
  }

  async *#follow(from: string, signal: AbortSignal): AsyncGenerator<string> {
    const { client, type, read } = this.#options;
    for await (const { type: kind, object } of client.watch<T>(type, { from, signal })) {
      const revision = object.metadata.resourceVersion ?? from;
      this.#pending.set(object.metadata.uid ?? '', {
        revision: Number(revision),
        object: read(object),
        deleted: kind === 'DELETED',
      });
      this.#announce();
      yield revision;
    }
  }

  #announce(): void {
    if (this.#pending.size > 1) return;
    setTimeout(() => {
      this.#changed = new Map([...this.#changed, ...this.#pending]);
      this.#pending = new Map();
      for (const listener of this.#listeners) listener();
    }, 16);
  }
}
