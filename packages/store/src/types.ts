import type {
  FieldRequirement,
  KubernetesObject,
  Requirement,
  ResourceKey,
  ResourceType,
} from '@tagboat/api';

export interface Query {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
  readonly labels?: readonly Requirement[];
  readonly fields?: readonly FieldRequirement[];
  /** At most this many items; the list then carries `continue`, and later pages show the same revision as the first. */
  readonly limit?: number;
  readonly continue?: string;
  /** The list as it was at this revision. @throws `Expired` when that is no longer known */
  readonly revision?: string;
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

export interface WriteOptions {
  /** Checks everything and returns what would be stored, and stores nothing. */
  readonly dryRun?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** What happens to the objects that this one owns (default Background: the garbage collector deletes them afterwards). */
  /** Seconds that a pod has to end; zero ends it at once. Absent: as long as it declares. */
  readonly gracePeriodSeconds?: number;
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
}

/** Finalizers by which the garbage collector is asked to act before an object goes (meta/v1). */
export const foregroundDeletion = 'foregroundDeletion';
export const orphanDependents = 'orphan';

/**
 * Writes objects; each call resolves when the write is durable. `metadata.resourceVersion`, where given, must be
 * current, else `Conflict`. The store sets uid, creationTimestamp, generation and resourceVersion.
 */
export interface Writer {
  /** @throws `AlreadyExists`, `Invalid` */
  create<T extends KubernetesObject>(object: T, options?: WriteOptions): Promise<T>;
  /** Replaces everything but status (for kinds with that subresource). @throws `NotFound`, `Conflict` */
  update<T extends KubernetesObject>(object: T, options?: WriteOptions): Promise<T>;
  /** Replaces status alone. @throws `NotFound`, `Conflict` */
  updateStatus<T extends KubernetesObject>(object: T, options?: WriteOptions): Promise<T>;
  /**
   * Removes the object, or marks it deleted while finalizers remain.
   * @returns its last state, or what is stored while finalizers remain (`deletionTimestamp` is set then)
   * @throws `NotFound`, `Conflict`
   */
  delete(key: ResourceKey, options?: DeleteOptions): Promise<KubernetesObject | undefined>;
}

export interface ResourceStore extends Reader, Writer, AsyncDisposable {}

/** The texts of what a list would return: for a server that only passes them on. */
export interface TextList extends Omit<List<string>, 'items'> {
  readonly texts: readonly string[];
}

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
  /** Writes a consistent copy to a new file, between two appends. */
  backup?(path: string): Promise<void>;
  /** Reads everything again. @returns what is wrong, nothing where all is well */
  check?(): Promise<string[]>;
}
