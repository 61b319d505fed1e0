import { randomUUID } from 'node:crypto';
import {
  describeKey,
  type KubernetesObject,
  keyOf,
  type ResourceKey,
  type ResourceType,
  TypeRegistry,
  typeId,
} from '@tagboat/api';
import { type Clock, conflict, invalid, notFound, systemClock, TagboatError, timestamp } from '@tagboat/base';
import { Collection, Residents } from './collection.ts';
import { generatedName } from './names.ts';
import { contentEquals, deepFreeze, prepareUpdate, sealedCopy } from './prepare.ts';
import { decodePosition, encodePosition, eventFor, isSelective, matches, parseRevision } from './select.ts';
import {
  type DeleteOptions,
  foregroundDeletion,
  type Journal,
  type JournalRecord,
  type List,
  orphanDependents,
  type Query,
  type ResourceStore,
  type TextList,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './types.ts';
import { type Change, History, type Sink } from './watch.ts';

export interface ObjectStoreOptions {
  readonly types?: TypeRegistry;
  readonly journal?: Journal;
  readonly clock?: Clock;
  /** How many changes can be watched from the past (default 10,000), and how many bytes of them (default 64 MiB). */
  readonly historyLimit?: number;
  readonly historyBytes?: number;
}

interface PendingWrite {
  readonly change: Change;
  readonly record: JournalRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Page<T> extends Omit<List<T>, 'items'> {
  readonly items: T[];
}

/** How one stored object is read: its key, and its value as it was at the revision that is listed. */
type ReadItem<T> = (key: string) => T | undefined;

/**
 * Every object in memory, every change in a journal first. A write is checked against the newest state at once,
 * joins the next group commit, and is visible to readers and watchers only when the journal has it on disk.
 */
export class ObjectStore implements ResourceStore {
  readonly types: TypeRegistry;
  readonly #journal: Journal | undefined;
  readonly #clock: Clock;
  readonly #committed = new Map<string, Collection>();
  readonly #residents = new Residents();
  readonly #latest = new Map<string, KubernetesObject | null>();
  readonly #history: History;
  #queue: PendingWrite[] = [];
  #flushing: Promise<void> | undefined;
  #assigned: number;
  #visible: number;

  constructor(options: ObjectStoreOptions = {}) {
    this.types = options.types ?? new TypeRegistry();
    this.#journal = options.journal;
    this.#clock = options.clock ?? systemClock;
    for (const { type, namespace, name, json } of this.#journal?.load() ?? [])
      if (json !== null)
        this.#objects(type).set(`${namespace}/${name}`, {
          json,
          object: undefined,
          weak: undefined,
          used: false,
        });
    this.#assigned = this.#visible = Math.max(1, this.#journal?.revision() ?? 1);
    this.#history = new History(this.#visible, {
      changes: options.historyLimit ?? 10_000,
      bytes: options.historyBytes ?? 64 * 2 ** 20,
    });
  }

  get resourceVersion(): string {
    return String(this.#visible);
  }

  /** How many objects of a type are stored. */
  count(type: ResourceType): number {
    return this.#committed.get(typeId(type))?.size ?? 0;
  }

  async get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined> {
    return this.#read(typeId(key.type), `${key.namespace}/${key.name}`) as T | undefined;
  }

  /** The stored text of an object, for a server that only passes it on. */
  async getText(key: ResourceKey): Promise<string | undefined> {
    return this.#committed.get(typeId(key.type))?.get(`${key.namespace}/${key.name}`)?.json;
  }

  async list<T extends KubernetesObject>(type: ResourceType, query: Query = {}): Promise<List<T>> {
    const id = typeId(type);
    return this.#page(id, query, (key) => this.#read(id, key)) as unknown as List<T>;
  }

  /** `list`, as texts: nothing is parsed where the query has no selectors. */
  async listText(type: ResourceType, query: Query = {}): Promise<TextList> {
    const id = typeId(type);
    if (isSelective(query) || query.revision !== undefined || query.continue !== undefined) {
      const { items, ...rest } = await this.list(type, query);
      return { ...rest, texts: items.map((object) => this.#textOf(id, object)) };
    }
    const collection = this.#committed.get(id);
    const { items, ...rest } = this.#page(id, query, (key) => collection?.get(key)?.json);
    return { ...rest, texts: items };
  }

  async *watch<T extends KubernetesObject>(
    type: ResourceType,
    query: Query,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    const from = this.#start(options.from);
    for await (const change of this.#history.follow(typeId(type), from, options.signal)) {
      const event = eventFor(change, query);
      if (event) yield event as WatchEvent<T>;
    }
  }

  /**
   * Hands committed changes of a type to a sink, one shared batch per commit, without a queue of its own: for servers
   * that send the same bytes to many. Where `from` is given, the changes since then come back first.
   * @throws `Expired` when they are no longer kept
   */
  follow(type: ResourceType, from: string | undefined, sink: Sink): Disposable & { past: readonly Change[] } {
    const past = this.#history.since(typeId(type), this.#start(from));
    return Object.assign(this.#history.subscribe(typeId(type), sink), { past });
  }

  /** Forgets changes up to and including a revision: watches and lists from before it expire. */
  compact(revision: string = this.resourceVersion): void {
    this.#history.compact(Math.min(parseRevision(revision), this.#visible));
  }

  async create<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const type = this.types.of(object);
    const named = this.#named(type, object);
    const key = keyOf(type, named);
    if (type.namespaced && key.namespace === '')
      throw invalid(`expected metadata.namespace in ${describeKey(key)}`);
    if (this.#newest(key)) {
      await this.#flushing;
      throw new TagboatError(`${describeKey(key)} already exists`, { reason: 'AlreadyExists' });
    }
    const created = sealedCopy(named);
    const { resourceVersion: _, deletionTimestamp: __, ...metadata } = created.metadata;
    created.metadata = {
      ...metadata,
      uid: randomUUID(),
      creationTimestamp: timestamp(this.#clock),
      generation: 1,
    };
    return options.dryRun ? created : this.#write(key, undefined, created);
  }

  update<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#replace(object, 'all', options);
  }

  updateStatus<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#replace(object, 'status', options);
  }

  async delete(key: ResourceKey, options: DeleteOptions = {}): Promise<KubernetesObject> {
    const current = this.#existing(key);
    const stale = findConflict(key, current, options);
    if (stale) return this.#refuse(stale);
    const finalizers = withPropagation(current, options.propagation);
    const waits = finalizers.length > 0 || hasSpecFinalizers(current);
    if (options.dryRun) return current;
    if (!waits) return this.#remove(key, current);
    if (
      current.metadata.deletionTimestamp &&
      finalizers.length === (current.metadata.finalizers ?? []).length
    )
      return current;
    const marked = sealedCopy(current);
    marked.metadata.deletionTimestamp ??= timestamp(this.#clock);
    marked.metadata.deletionGracePeriodSeconds ??= 0;
    marked.metadata.generation = (current.metadata.generation ?? 1) + 1;
    if (finalizers.length > 0) marked.metadata.finalizers = finalizers;
    return this.#write(key, current, marked);
  }

  /** Writes a consistent copy of everything durable to a new file, while writes go on. */
  async backup(path: string): Promise<void> {
    if (!this.#journal?.backup)
      throw new TagboatError('a store in memory cannot be backed up', { reason: 'NotSupported' });
    await this.#journal.backup(path);
  }

  /** Reads everything that is on disk again. @returns what is wrong, nothing where all is well */
  async check(): Promise<string[]> {
    return (await this.#journal?.check?.()) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#flushing) await this.#flushing;
    this.#history.close();
    await this.#journal?.[Symbol.asyncDispose]();
  }

  async #replace<T extends KubernetesObject>(
    object: T,
    part: 'all' | 'status',
    options: WriteOptions,
  ): Promise<T> {
    const type = this.types.of(object);
    const key = keyOf(type, object);
    const current = this.#existing(key);
    const stale = findConflict(key, current, object.metadata);
    if (stale) return this.#refuse(stale);
    const next = prepareUpdate({ type, current, proposed: object, part }) as T;
    if (options.dryRun) return next;
    if (contentEquals(current, next)) {
      await this.#flushing;
      return current as T;
    }
    if (next.metadata.deletionTimestamp && !next.metadata.finalizers?.length && !hasSpecFinalizers(next))
      return this.#remove(key, next) as Promise<T>;
    return this.#write(key, current, next);
  }

  async #remove(key: ResourceKey, current: KubernetesObject): Promise<KubernetesObject> {
    const last = { ...current, metadata: { ...current.metadata } };
    await this.#commit(key, current, { last });
    return last;
  }

  async #write<T extends KubernetesObject>(
    key: ResourceKey,
    previous: KubernetesObject | undefined,
    next: T,
  ): Promise<T> {
    await this.#commit(key, previous, { next });
    return next;
  }

  #commit(
    key: ResourceKey,
    previous: KubernetesObject | undefined,
    result: { next: KubernetesObject } | { last: KubernetesObject },
  ): Promise<void> {
    const revision = ++this.#assigned;
    const removed = 'last' in result;
    const object = removed ? result.last : result.next;
    object.metadata.resourceVersion = String(revision);
    const json = JSON.stringify(deepFreeze(object));
    const type = typeId(key.type);
    const record = { revision, type, namespace: key.namespace, name: key.name, json: removed ? null : json };
    this.#latest.set(latestKey(key), removed ? null : object);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const change: Change = {
      revision,
      type,
      key: `${key.namespace}/${key.name}`,
      object,
      json,
      previous,
      removed,
    };
    this.#queue.push({ change, record, resolve, reject });
    this.#flushing ??= this.#flush();
    return promise;
  }

  async #flush(): Promise<void> {
    // One turn of the loop lets concurrent writers join the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#journal?.append(batch.map((write) => write.record));
        this.#publish(batch);
      } catch (error) {
        // Later writes may build on these: none of them can stand.
        const failed = [...batch, ...this.#queue];
        this.#queue = [];
        this.#latest.clear();
        for (const write of failed) write.reject(error);
      }
    }
    this.#flushing = undefined;
  }

  #publish(batch: readonly PendingWrite[]): void {
    for (const { change } of batch) {
      const objects = this.#objects(change.type);
      if (change.removed) objects.delete(change.key);
      else objects.set(change.key, this.#residents.entry(change.json, change.object));
      const latest = `${change.type}/${change.key}`;
      const newest = this.#latest.get(latest);
      if (newest === (change.removed ? null : change.object)) this.#latest.delete(latest);
    }
    this.#visible = batch.at(-1)!.change.revision;
    for (const write of batch) write.resolve();
    this.#history.add(batch.map(({ change }) => change));
  }

  /** A conflict is told only when the write that caused it can be read, so that reading again helps. */
  async #refuse(stale: TagboatError): Promise<never> {
    await this.#flushing;
    throw stale;
  }

  #page<T extends KubernetesObject | string>(id: string, query: Query, read: ReadItem<T>): Page<T> {
    const position = query.continue ? decodePosition(query.continue) : undefined;
    const wanted =
      position?.revision ?? (query.revision === undefined ? this.#visible : parseRevision(query.revision));
    if (wanted > this.#visible) throw inTheFuture(wanted, this.#visible);
    const past = this.#asOf(id, wanted);
    const prefix = query.namespace === undefined ? '' : `${query.namespace}/`;
    const keys = this.#keys(id, { prefix, after: position?.key ?? '', past });
    const selective = isSelective(query);
    const limit = query.limit && query.limit > 0 ? query.limit : Number.POSITIVE_INFINITY;
    const items: T[] = [];
    for (const [index, key] of keys.entries()) {
      const object = past?.has(key) ? (past.get(key) as T | undefined) : read(key);
      if (object === undefined) continue;
      if (selective && !matches(object as KubernetesObject, query)) continue;
      if (items.length === limit)
        return {
          items,
          resourceVersion: String(wanted),
          continue: encodePosition({ revision: wanted, key: keys[index - 1]! }),
          ...(selective ? {} : { remainingItemCount: keys.length - index }),
        };
      items.push(object);
    }
    return { items, resourceVersion: String(wanted) };
  }

  /** What differs from now at an earlier revision: the objects of then by key, undefined where there was none. */
  #asOf(id: string, revision: number): Map<string, KubernetesObject | undefined> | undefined {
    if (revision >= this.#visible) return undefined;
    const past = new Map<string, KubernetesObject | undefined>();
    for (const change of this.#history.since(id, revision))
      if (!past.has(change.key)) past.set(change.key, change.previous);
    return past.size === 0 ? undefined : past;
  }

  #keys(
    id: string,
    range: {
      prefix: string;
      after: string;
      past: ReadonlyMap<string, KubernetesObject | undefined> | undefined;
    },
  ): string[] {
    const { prefix, after, past } = range;
    const collection = this.#committed.get(id);
    const keys = collection?.keys(prefix, after) ?? [];
    const gone = [...(past ?? [])]
      .filter(([key, object]) => object && !collection?.get(key) && key > after && key.startsWith(prefix))
      .map(([key]) => key);
    return gone.length === 0 ? keys : [...keys, ...gone].sort();
  }

  #start(from: string | undefined): number {
    const revision = from === undefined ? this.#visible : parseRevision(from);
    if (revision > this.#visible) throw inTheFuture(revision, this.#visible);
    return revision;
  }

  #named<T extends KubernetesObject>(type: ResourceType, object: T): T {
    if (object.metadata.name) return object;
    const { generateName } = object.metadata;
    if (!generateName)
      throw invalid(`expected metadata.name or metadata.generateName in this ${object.kind}`);
    for (;;) {
      const named = { ...object, metadata: { ...object.metadata, name: generatedName(generateName) } };
      if (!this.#newest(keyOf(type, named))) return named;
    }
  }

  #objects(type: string): Collection {
    let objects = this.#committed.get(type);
    if (!objects) {
      objects = new Collection();
      this.#committed.set(type, objects);
    }
    return objects;
  }

  #read(type: string, key: string): KubernetesObject | undefined {
    const entry = this.#committed.get(type)?.get(key);
    return entry && this.#residents.object(entry);
  }

  #textOf(type: string, object: KubernetesObject): string {
    const entry = this.#committed
      .get(type)
      ?.get(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
    return entry && (entry.object ?? entry.weak?.deref()) === object ? entry.json : JSON.stringify(object);
  }

  #newest(key: ResourceKey): KubernetesObject | undefined {
    const pending = this.#latest.get(latestKey(key));
    if (pending !== undefined) return pending ?? undefined;
    return this.#read(typeId(key.type), `${key.namespace}/${key.name}`);
  }

  #existing(key: ResourceKey): KubernetesObject {
    const current = this.#newest(key);
    if (!current) throw notFound(`${describeKey(key)} does not exist`);
    return current;
  }
}

function latestKey(key: ResourceKey): string {
  return `${typeId(key.type)}/${key.namespace}/${key.name}`;
}

const inTheFuture = (revision: number, newest: number) =>
  new TagboatError(`revision ${revision} is in the future; the newest is ${newest}`, { reason: 'Expired' });

function findConflict(
  key: ResourceKey,
  current: KubernetesObject,
  wanted: DeleteOptions,
): TagboatError | undefined {
  const { uid, resourceVersion } = current.metadata;
  if (wanted.uid && wanted.uid !== uid)
    return conflict(`${describeKey(key)} was replaced by another object of that name`);
  if (!wanted.resourceVersion || wanted.resourceVersion === resourceVersion) return undefined;
  const found = `expected revision ${wanted.resourceVersion}, found ${resourceVersion}`;
  return conflict(`${describeKey(key)} was changed by somebody else: ${found}`, {
    hint: 'read it again and repeat the change',
  });
}

/** The finalizers that a delete leads to (registry `deletionFinalizersForGarbageCollection`). */
function withPropagation(current: KubernetesObject, policy: DeleteOptions['propagation']): string[] {
  const finalizers = current.metadata.finalizers ?? [];
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((name) => name !== foregroundDeletion && name !== orphanDependents);
  if (policy === 'Foreground') return [...others, foregroundDeletion];
  return policy === 'Orphan' ? [...others, orphanDependents] : others;
}

/** A Namespace goes only when its content has gone (core/v1 NamespaceSpec.finalizers). */
function hasSpecFinalizers(object: KubernetesObject): boolean {
  if (object.kind !== 'Namespace') return false;
  return ((object.spec as { finalizers?: string[] } | undefined)?.finalizers?.length ?? 0) > 0;
}
