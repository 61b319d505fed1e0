import type { KubernetesObject, ResourceType } from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type { Client, ListOptions } from '@tagboat/client';
import type { Connection } from './connection.ts';

/** What a page knows of a list at one moment. `items` stay while a lost connection is restored. */
export interface LiveState<T> {
  readonly status: 'loading' | 'ready' | 'failed';
  readonly items: readonly T[];
  readonly error?: TagboatError;
}

/** Answers that asking again does not change, until something else does. */
const final = new Set(['Unauthorized', 'Forbidden', 'NotFound', 'BadRequest', 'Invalid']);

export const isFinal = (error: unknown): error is TagboatError =>
  error instanceof TagboatError && final.has(error.reason);

export interface LiveListOptions {
  readonly client: Pick<Client, 'list' | 'watch'>;
  readonly connection: Connection;
  readonly type: ResourceType;
  readonly query: ListOptions;
}

/** A list that stays true by a watch: lists, watches from there, and begins again when the watch ends. */
export class LiveList<T extends KubernetesObject> {
  readonly #options: LiveListOptions;
  readonly #listeners = new Set<() => void>();
  readonly #objects = new Map<string, T>();
  readonly #ended = new AbortController();
  #state: LiveState<T> = { status: 'loading', items: [] };
  #announced = false;

  constructor(options: LiveListOptions) {
    this.#options = options;
    void this.#run();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly current = (): LiveState<T> => this.#state;

  close(): void {
    this.#ended.abort();
  }

  async #run(): Promise<void> {
    const { connection } = this.#options;
    const { signal } = this.#ended;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#follow(() => {
          attempt = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isReason(error, 'Expired')) continue;
        if (isFinal(error)) return this.#fail(error);
        connection.report(true, error);
      }
      await connection.pause(attempt, signal);
    }
  }

  async #follow(reached: () => void): Promise<void> {
    const { client, connection, type, query } = this.#options;
    const { items, resourceVersion } = await client.list<T>(type, query);
    connection.report(false);
    reached();
    this.#objects.clear();
    for (const item of items) this.#objects.set(keyOf(item), item);
    this.#publish();
    const { signal } = this.#ended;
    for await (const event of client.watch<T>(type, { ...query, from: resourceVersion, signal })) {
      if (event.type === 'DELETED') this.#objects.delete(keyOf(event.object));
      else this.#objects.set(keyOf(event.object), event.object);
      this.#announce();
    }
  }

  /** Events come in bursts; those of one turn of the event loop make one new state. */
  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    setTimeout(() => {
      this.#announced = false;
      this.#publish();
    }, 16);
  }

  #publish(): void {
    this.#set({ status: 'ready', items: [...this.#objects.values()] });
  }

  #fail(error: TagboatError): void {
    this.#set({ status: 'failed', items: [], error });
  }

  #set(state: LiveState<T>): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

const keyOf = ({ metadata }: KubernetesObject) => `${metadata.namespace ?? ''}/${metadata.name}`;
