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
import { Catalog } from './catalog.ts';
import { afterDeletion, hasSpecFinalizers } from './deletion.ts';
import { generatedName } from './names.ts';
import { contentEquals, deepFreeze, prepareUpdate, sealedCopy } from './prepare.ts';
import { eventFor, inTheFuture, parseRevision } from './select.ts';
import type {
  DeleteOptions,
  Journal,
  JournalRecord,
  List,
  Query,
  ResourceStore,
  TextList,
  WatchEvent,
  WatchOptions,
  WriteOptions,
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

/**
 * Every object in memory, every change in a journal first. A write is checked against the newest state at once,
 * joins the next group commit, and is visible to readers and watchers only when the journal has it on disk.
 */
export class ObjectStore implements ResourceStore {
  readonly types: TypeRegistry;
  readonly #journal: Journal | undefined;
  readonly #clock: Clock;
  readonly #catalog: Catalog;
  readonly #latest = new Map<string, KubernetesObject | null>();
  readonly #history: History;
  #queue: PendingWrite[] = [];
  #flushing: Promise<void> | undefined;
  #assigned: number;

  constructor(options: ObjectStoreOptions = {}) {
    this.types = options.types ?? new TypeRegistry();
    this.#journal = options.journal;
    this.#clock = options.clock ?? systemClock;
    const revision = Math.max(1, this.#journal?.revision() ?? 1);
    this.#assigned = revision;
    this.#history = new History(revision, {
      changes: options.historyLimit ?? 10_000,
      bytes: options.historyBytes ?? 64 * 2 ** 20,
    });
    this.#catalog = new Catalog(this.#journal?.load() ?? [], this.#history, revision);
  }

  get resourceVersion(): string {
    return String(this.#catalog.visible);
  }

  /** How many objects of a type are stored. */
  count(type: ResourceType): number {
    return this.#catalog.count(typeId(type));
  }

  async get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined> {
    return this.#catalog.object(typeId(key.type), `${key.namespace}/${key.name}`) as T | undefined;
  }

  /** The stored text of an object, for a server that only passes it on. */
  async getText(key: ResourceKey): Promise<string | undefined> {
    return this.#catalog.text(typeId(key.type), `${key.namespace}/${key.name}`);
  }

  /** The stored text of an object that this store handed out, where it is still what is stored. */
  textOf(type: ResourceType, object: KubernetesObject): string | undefined {
    return this.#catalog.textOf(typeId(type), object);
  }

  async list<T extends KubernetesObject>(type: ResourceType, query: Query = {}): Promise<List<T>> {
    return this.#catalog.list(typeId(type), query) as List<T>;
  }

  /** `list`, as texts: nothing is parsed where the query has no selectors. */
  async listText(type: ResourceType, query: Query = {}): Promise<TextList> {
    return this.#catalog.listText(typeId(type), query);
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
    this.#history.compact(Math.min(parseRevision(revision), this.#catalog.visible));
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
    if (options.dryRun) return current;
    const next = afterDeletion(current, options, this.#clock);
    if (next === 'gone') return this.#remove(key, current);
    return next === current ? current : this.#write(key, current, next);
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
      this.#catalog.apply(change);
      const latest = `${change.type}/${change.key}`;
      const newest = this.#latest.get(latest);
      if (newest === (change.removed ? null : change.object)) this.#latest.delete(latest);
    }
    this.#catalog.visible = batch.at(-1)!.change.revision;
    for (const write of batch) write.resolve();
    this.#history.add(batch.map(({ change }) => change));
  }

  /** A conflict is told only when the write that caused it can be read, so that reading again helps. */
  async #refuse(stale: TagboatError): Promise<never> {
    await this.#flushing;
    throw stale;
  }

  #start(from: string | undefined): number {
    const { visible } = this.#catalog;
    const revision = from === undefined ? visible : parseRevision(from);
    if (revision > visible) throw inTheFuture(revision, visible);
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

  #newest(key: ResourceKey): KubernetesObject | undefined {
    const pending = this.#latest.get(latestKey(key));
    if (pending !== undefined) return pending ?? undefined;
    return this.#catalog.object(typeId(key.type), `${key.namespace}/${key.name}`);
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
