import type { KubernetesObject } from '@tagboat/api';
import { Collection, Residents } from './collection.ts';
import {
  decodePosition,
  encodePosition,
  inTheFuture,
  isSelective,
  matches,
  parseRevision,
} from './select.ts';
import type { JournalRecord, List, Query, TextList } from './types.ts';
import type { Change, History } from './watch.ts';

/** The objects of then by key, as far as they differ from now; undefined where there was none. */
type Past = ReadonlyMap<string, KubernetesObject | undefined>;

interface Page<T> extends Omit<List<T>, 'items'> {
  readonly items: T[];
}

/** What is committed, by type and key, now and at the revisions that the history still knows. */
export class Catalog {
  readonly #collections = new Map<string, Collection>();
  readonly #residents = new Residents();
  readonly #history: History;
  /** The newest revision that can be seen. */
  visible: number;

  constructor(records: Iterable<JournalRecord>, history: History, revision: number) {
    this.#history = history;
    this.visible = revision;
    for (const { type, namespace, name, json } of records)
      if (json !== null)
        this.#collection(type).set(`${namespace}/${name}`, {
          json,
          object: undefined,
          weak: undefined,
          used: false,
        });
  }

  count(type: string): number {
    return this.#collections.get(type)?.size ?? 0;
  }

  object(type: string, key: string): KubernetesObject | undefined {
    const entry = this.#collections.get(type)?.get(key);
    return entry && this.#residents.object(entry);
  }

  text(type: string, key: string): string | undefined {
    return this.#collections.get(type)?.get(key)?.json;
  }

  /** The stored text of an object that is what is stored now; undefined for any other. */
  textOf(type: string, object: KubernetesObject): string | undefined {
    const entry = this.#collections
      .get(type)
      ?.get(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
    return entry && (entry.object ?? entry.weak?.deref()) === object ? entry.json : undefined;
  }

  apply({ type, key, json, object, removed }: Change): void {
    if (removed) this.#collection(type).delete(key);
    else this.#collection(type).set(key, this.#residents.entry(json, object));
  }

  list(type: string, query: Query): List<KubernetesObject> {
    return this.#page(type, query, (key) => this.object(type, key));
  }

  /** `list`, as texts: nothing is parsed where the query has no selectors. */
  listText(type: string, query: Query): TextList {
    if (isSelective(query) || query.revision !== undefined || query.continue !== undefined) {
      const { items, ...rest } = this.list(type, query);
      return { ...rest, texts: items.map((object) => this.textOf(type, object) ?? JSON.stringify(object)) };
    }
    const collection = this.#collections.get(type);
    const { items, ...rest } = this.#page(type, query, (key) => collection?.get(key)?.json);
    return { ...rest, texts: items };
  }

  #page<T extends KubernetesObject | string>(
    type: string,
    query: Query,
    read: (key: string) => T | undefined,
  ): Page<T> {
    const position = query.continue ? decodePosition(query.continue) : undefined;
    const asked = query.revision === undefined ? this.visible : parseRevision(query.revision);
    const revision = position?.revision ?? asked;
    if (revision > this.visible) throw inTheFuture(revision, this.visible);
    const past = this.#asOf(type, revision);
    const keys = this.#keys(type, query.namespace, { after: position?.key ?? '', past });
    const selective = isSelective(query);
    const limit = query.limit && query.limit > 0 ? query.limit : Number.POSITIVE_INFINITY;
    const items: T[] = [];
    for (const [index, key] of keys.entries()) {
      const object = past?.has(key) ? (past.get(key) as T | undefined) : read(key);
      if (object === undefined || (selective && !matches(object as KubernetesObject, query))) continue;
      if (items.length === limit)
        return {
          items,
          resourceVersion: String(revision),
          continue: encodePosition({ revision, key: keys[index - 1]! }),
          ...(selective ? {} : { remainingItemCount: keys.length - index }),
        };
      items.push(object);
    }
    return { items, resourceVersion: String(revision) };
  }

  #asOf(type: string, revision: number): Past | undefined {
    if (revision >= this.visible) return undefined;
    const past = new Map<string, KubernetesObject | undefined>();
    for (const change of this.#history.since(type, revision))
      if (!past.has(change.key)) past.set(change.key, change.previous);
    return past.size === 0 ? undefined : past;
  }

  #keys(
    type: string,
    namespace: string | undefined,
    { after, past }: { after: string; past: Past | undefined },
  ): string[] {
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    const collection = this.#collections.get(type);
    const keys = collection?.keys(prefix, after) ?? [];
    const gone = [...(past ?? [])]
      .filter(([key, object]) => object && !collection?.get(key) && key > after && key.startsWith(prefix))
      .map(([key]) => key);
    return gone.length === 0 ? keys : [...keys, ...gone].sort();
  }

  #collection(type: string): Collection {
    let objects = this.#collections.get(type);
    if (!objects) {
      objects = new Collection();
      this.#collections.set(type, objects);
    }
    return objects;
  }
}
