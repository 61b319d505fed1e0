import type { KubernetesObject } from '@tagboat/api';
import { deepFreeze } from './prepare.ts';

/** One stored object: its text always, the parsed object while somebody uses it. */
export interface Entry {
  readonly json: string;
  object: KubernetesObject | undefined;
  weak: WeakRef<KubernetesObject> | undefined;
  used: boolean;
}

/**
 * Keeps parsed objects for the entries used lately, and lets the others go: texts are a quarter of the size of objects.
 * Two generations, so that keeping count costs nothing per read.
 */
export class Residents {
  readonly #limit: number;
  readonly #length: number;
  #young: Entry[] = [];
  #old: Entry[] = [];
  #written = 0;

  /** @param length of the JSON of one generation: each write of a large object makes an entry, and few of them fill the memory */
  constructor(limit = 20_000, length = 2 ** 25) {
    this.#limit = limit;
    this.#length = length;
  }

  /** The frozen object of an entry; the same one for as long as anybody holds it. */
  object(entry: Entry): KubernetesObject {
    let object = entry.object ?? entry.weak?.deref();
    object ??= deepFreeze(JSON.parse(entry.json) as KubernetesObject);
    if (!entry.used) this.#keep(entry, object);
    return object;
  }

  entry(json: string, object: KubernetesObject): Entry {
    const entry: Entry = { json, object: undefined, weak: undefined, used: false };
    this.#keep(entry, object);
    return entry;
  }

  #keep(entry: Entry, object: KubernetesObject): void {
    entry.object = object;
    entry.used = true;
    this.#young.push(entry);
    this.#written += entry.json.length;
    if (this.#young.length < this.#limit && this.#written < this.#length) return;
    for (const aged of this.#old)
      if (!aged.used && aged.object) {
        aged.weak = new WeakRef(aged.object);
        aged.object = undefined;
      }
    for (const entry of this.#young) entry.used = false;
    this.#old = this.#young;
    this.#young = [];
    this.#written = 0;
  }
}

/** The objects of one type under `namespace/name`, with their keys in order. */
export class Collection {
  readonly #entries = new Map<string, Entry>();
  #keys: string[] = [];
  #sorted = true;

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: Entry): void {
    if (!this.#entries.has(key)) this.#insert(key);
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    if (!this.#entries.delete(key)) return;
    const keys = this.#order();
    keys.splice(lowerBound(keys, key), 1);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The keys after `after` that begin with `prefix`, in order. */
  keys(prefix: string, after: string): string[] {
    const keys = this.#order();
    const from = lowerBound(keys, after > prefix ? `${after}\0` : prefix);
    if (prefix === '') return keys.slice(from);
    return keys.slice(from, lowerBound(keys, `${prefix}\uffff`));
  }

  #insert(key: string): void {
    const last = this.#keys.at(-1);
    if (last === undefined || last < key) this.#keys.push(key);
    else if (this.#sorted && this.#keys.length > 1000) this.#keys.splice(lowerBound(this.#keys, key), 0, key);
    else {
      this.#keys.push(key);
      this.#sorted = false;
    }
  }

  #order(): string[] {
    if (!this.#sorted) this.#keys.sort();
    this.#sorted = true;
    return this.#keys;
  }
}

/** The place of the first key that is not less than `key`. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
