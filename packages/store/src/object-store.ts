import { randomUUID } from 'node:crypto';
import {
  describeKey,
  type KubernetesObject,
  keyOf,
  matchesLabels,
  type ResourceKey,
  type ResourceType,
  TypeRegistry,
  typeId,
} from '@tagboat/api';
import { type Clock, conflict, invalid, notFound, systemClock, TagboatError, timestamp } from '@tagboat/base';
import { contentEquals, deepFreeze, prepareUpdate } from './prepare.ts';
import type {
  DeleteOptions,
  Journal,
  JournalRecord,
  List,
  Query,
  ResourceStore,
  WatchEvent,
  WatchOptions,
} from './types.ts';
import { type Change, History } from './watch.ts';

export interface ObjectStoreOptions {
  readonly types?: TypeRegistry;
  readonly journal?: Journal;
  readonly clock?: Clock;
  /** How many changes can be watched from the past (default 10,000). */
  readonly historyLimit?: number;
}

interface Entry {
  json: string | undefined;
  object: KubernetesObject | undefined;
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
  readonly #committed = new Map<string, Map<string, Entry>>();
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
      this.#objects(type).set(`${namespace}/${name}`, { json: json ?? undefined, object: undefined });
    this.#assigned = this.#visible = Math.max(1, this.#journal?.revision() ?? 1);
    this.#history = new History(this.#visible, options.historyLimit ?? 10_000);
  }

  get resourceVersion(): string {
    return String(this.#visible);
  }

  async get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined> {
    return this.#read(typeId(key.type), `${key.namespace}/${key.name}`) as T | undefined;
  }

  async list<T extends KubernetesObject>(type: ResourceType, query: Query = {}): Promise<List<T>> {
    const id = typeId(type);
    const after = query.continue ? decodeContinue(query.continue) : '';
    const keys = [...this.#objects(id).keys()]
      .filter((key) => key > after && inNamespace(key, query.namespace))
      .sort();
    const items: T[] = [];
    let last = '';
    for (const [index, key] of keys.entries()) {
      if (query.limit && items.length === query.limit) {
        return {
          items,
          resourceVersion: this.resourceVersion,
          continue: encodeContinue(last),
          remainingItemCount: keys.length - index,
        };
      }
      const object = this.#read(id, key) as T;
      if (matches(object, query)) items.push(object);
      last = key;
    }
    return { items, resourceVersion: this.resourceVersion };
  }

  async *watch<T extends KubernetesObject>(
    type: ResourceType,
    query: Query,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    const from = options.from === undefined ? this.#visible : parseRevision(options.from);
    if (from > this.#visible)
      throw new TagboatError(`revision ${from} is in the future; the newest is ${this.#visible}`, {
        reason: 'Expired',
      });
    for await (const change of this.#history.follow(typeId(type), from, options.signal)) {
      const event = eventFor(change, query);
      if (event) yield event as WatchEvent<T>;
    }
  }

  async create<T extends KubernetesObject>(object: T): Promise<T> {
    const type = this.types.of(object);
    const named = withName(object);
    const key = keyOf(type, named);
    if (type.namespaced && key.namespace === '')
      throw invalid(`expected metadata.namespace in ${describeKey(key)}`);
    if (this.#newest(key))
      throw new TagboatError(`${describeKey(key)} already exists`, { reason: 'AlreadyExists' });
    const created = structuredClone(named);
    const { resourceVersion: _, ...metadata } = created.metadata;
    created.metadata = {
      ...metadata,
      uid: randomUUID(),
      creationTimestamp: timestamp(this.#clock),
      generation: 1,
    };
    return this.#write(key, undefined, created);
  }

  update<T extends KubernetesObject>(object: T): Promise<T> {
    return this.#replace(object, 'all');
  }

  updateStatus<T extends KubernetesObject>(object: T): Promise<T> {
    return this.#replace(object, 'status');
  }

  async delete(key: ResourceKey, options: DeleteOptions = {}): Promise<void> {
    const current = this.#existing(key);
    const stale = findConflict(key, current, options);
    if (stale) return this.#refuse(stale);
    if (!current.metadata.finalizers?.length) return this.#remove(key, current);
    if (current.metadata.deletionTimestamp) return;
    const marked = structuredClone(current);
    marked.metadata.deletionTimestamp = timestamp(this.#clock);
    await this.#write(key, current, marked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#flushing) await this.#flushing;
    this.#history.close();
    await this.#journal?.[Symbol.asyncDispose]();
  }

  async #replace<T extends KubernetesObject>(object: T, part: 'all' | 'status'): Promise<T> {
    const type = this.types.of(object);
    const key = keyOf(type, object);
    const current = this.#existing(key);
    const stale = findConflict(key, current, object.metadata);
    if (stale) return this.#refuse(stale);
    const next = prepareUpdate({ type, current, proposed: object, part }) as T;
    if (contentEquals(current, next)) return current as T;
    if (next.metadata.deletionTimestamp && !next.metadata.finalizers?.length) {
      await this.#remove(key, next);
      return next;
    }
    return this.#write(key, current, next);
  }

  async #remove(key: ResourceKey, current: KubernetesObject): Promise<void> {
    const last = structuredClone(current);
    await this.#commit(key, current, { last });
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
    object.metadata = { ...object.metadata, resourceVersion: String(revision) };
    deepFreeze(object);
    const record = {
      revision,
      type: typeId(key.type),
      namespace: key.namespace,
      name: key.name,
      json: removed ? null : JSON.stringify(object),
    };
    this.#latest.set(latestKey(key), removed ? null : object);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const change: Change = { revision, type: record.type, object, previous, removed };
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
        for (const write of batch) this.#publish(write);
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

  #publish(write: PendingWrite): void {
    const { change, record } = write;
    const key = `${record.namespace}/${record.name}`;
    if (change.removed) this.#objects(record.type).delete(key);
    else this.#objects(record.type).set(key, { json: undefined, object: change.object });
    const latest = `${record.type}/${key}`;
    const newest = this.#latest.get(latest);
    if (newest === (change.removed ? null : change.object)) this.#latest.delete(latest);
    this.#visible = change.revision;
    this.#history.add(change);
    write.resolve();
  }

  /** A conflict is told only when the write that caused it can be read, so that reading again helps. */
  async #refuse(stale: TagboatError): Promise<never> {
    await this.#flushing;
    throw stale;
  }

  #objects(type: string): Map<string, Entry> {
    const objects = this.#committed.get(type) ?? new Map<string, Entry>();
    if (objects.size === 0) this.#committed.set(type, objects);
    return objects;
  }

  #read(type: string, key: string): KubernetesObject | undefined {
    const entry = this.#committed.get(type)?.get(key);
    if (!entry) return undefined;
    if (!entry.object) {
      entry.object = deepFreeze(JSON.parse(entry.json!) as KubernetesObject);
      entry.json = undefined;
    }
    return entry.object;
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

function inNamespace(key: string, namespace: string | undefined): boolean {
  return namespace === undefined || key.startsWith(`${namespace}/`);
}

function matches(object: KubernetesObject, query: Query): boolean {
  return (
    (query.namespace === undefined || (object.metadata.namespace ?? '') === query.namespace) &&
    (query.name === undefined || object.metadata.name === query.name) &&
    (!query.labels || matchesLabels(object.metadata.labels, query.labels))
  );
}

/** An object that starts or stops matching the query is, for that watcher, added or deleted. */
function eventFor(change: Change, query: Query): WatchEvent<KubernetesObject> | undefined {
  const before = change.previous !== undefined && matches(change.previous, query);
  const after = !change.removed && matches(change.object, query);
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object: change.object };
  return before ? { type: 'DELETED', object: change.object } : undefined;
}

function withName<T extends KubernetesObject>(object: T): T {
  if (object.metadata.name) return object;
  const { generateName } = object.metadata;
  if (!generateName) throw invalid(`expected metadata.name or metadata.generateName in this ${object.kind}`);
  return { ...object, metadata: { ...object.metadata, name: `${generateName}${randomUUID().slice(0, 5)}` } };
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

function parseRevision(text: string): number {
  if (!/^\d+$/.test(text))
    throw invalid(`expected a resourceVersion of digits, found "${text.slice(0, 40)}"`);
  return Number(text);
}

function encodeContinue(key: string): string {
  return Buffer.from(JSON.stringify({ v: 1, key })).toString('base64url');
}

function decodeContinue(token: string): string {
  try {
    const { key } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { key: unknown };
    if (typeof key === 'string') return key;
  } catch {
    // Falls through to the one message for every malformed token.
  }
  throw invalid('expected the continue token of an earlier list', {
    hint: 'start the list again without it',
  });
}
