import type { KubernetesObject, Requirement, ResourceKey, ResourceType } from '@tagboat/api';

export interface Query {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
  readonly labels?: readonly Requirement[];
  /** At most this many items; the list then carries `continue`. */
  readonly limit?: number;
  readonly continue?: string;
}

export interface List<T> {
  /** Sorted by namespace, then name. */
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The object after the change; for DELETED its last state, with the revision of the deletion. */
  readonly object: T;
}

export interface WatchOptions {
  /** Events after this revision. Absent: only those after the watch began. */
  readonly from?: string;
  readonly signal?: AbortSignal;
}

/**
 * Reads objects. What it returns is shared and frozen: clone before changing.
 * Only what is durable is ever seen.
 */
export interface Reader {
  get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined>;
  list<T extends KubernetesObject>(type: ResourceType, query?: Query): Promise<List<T>>;
  /** @throws `Expired` when the events after `from` are no longer kept, or the watcher is too slow: list again. */
  watch<T extends KubernetesObject>(
    type: ResourceType,
    query: Query,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>>;
}

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * Writes objects; each call resolves when the write is durable. `metadata.resourceVersion`, where given, must be
 * current, else `Conflict`. The store sets uid, creationTimestamp, generation and resourceVersion.
 */
export interface Writer {
  /** @throws `AlreadyExists`, `Invalid` */
  create<T extends KubernetesObject>(object: T): Promise<T>;
  /** Replaces everything but status (for kinds with that subresource). @throws `NotFound`, `Conflict` */
  update<T extends KubernetesObject>(object: T): Promise<T>;
  /** Replaces status alone. @throws `NotFound`, `Conflict` */
  updateStatus<T extends KubernetesObject>(object: T): Promise<T>;
  /** Removes the object, or marks it deleted while finalizers remain. @throws `NotFound`, `Conflict` */
  delete(key: ResourceKey, options?: DeleteOptions): Promise<void>;
}

export interface ResourceStore extends Reader, Writer, AsyncDisposable {}

/** One durable change: the stored text of an object, or null where it was removed. */
export interface JournalRecord {
  readonly revision: number;
  readonly type: string;
  readonly namespace: string;
  readonly name: string;
  readonly json: string | null;
}

/** Where committed changes go. `append` resolves when all its records are on disk, or rejects with none of them there. */
export interface Journal extends AsyncDisposable {
  load(): Iterable<JournalRecord>;
  /** The highest revision ever appended. */
  revision(): number;
  append(records: readonly JournalRecord[]): Promise<void>;
}
