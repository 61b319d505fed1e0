import {
  type KubernetesObject,
  keyOf,
  type OwnerReference,
  type ResourceType,
  type TypeRegistry,
} from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { deleteIfPresent, type Reader, type Writer } from '@tagboat/store';
import { inform } from './inform.ts';

export interface GarbageCollectorOptions {
  readonly store: Reader & Writer;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Deletes what every owner of which is gone (Kubernetes' garbage collector, background propagation). */
export class GarbageCollector implements AsyncDisposable {
  readonly #options: GarbageCollectorOptions;
  readonly #stop = new AbortController();
  /** Owner uid -> the objects that name it. */
  readonly #dependents = new Map<string, Map<string, { type: ResourceType; object: KubernetesObject }>>();
  #tasks: Promise<void>[] = [];

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  start(): this {
    this.#tasks = this.#options.types.all().map((type) => this.#follow(type));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#tasks);
  }

  async #follow(type: ResourceType): Promise<void> {
    const { store: reader, clock, log } = this.#options;
    for await (const event of inform({ reader, type, clock, log, signal: this.#stop.signal })) {
      const { object } = event;
      const uid = object.metadata.uid!;
      for (const owner of object.metadata.ownerReferences ?? []) {
        const dependents = this.#dependents.get(owner.uid) ?? new Map();
        if (event.type === 'DELETED') dependents.delete(uid);
        else dependents.set(uid, { type, object });
        if (dependents.size === 0) this.#dependents.delete(owner.uid);
        else this.#dependents.set(owner.uid, dependents);
      }
      try {
        if (event.type === 'DELETED') await this.#collectDependents(uid);
        else if (event.type === 'ADDED') await this.#collectIfOrphaned(type, object);
      } catch (error) {
        log.warn('garbage collection failed', { kind: type.kind, name: object.metadata.name, error });
      }
    }
  }

  async #collectDependents(ownerUid: string): Promise<void> {
    const dependents = [...(this.#dependents.get(ownerUid)?.values() ?? [])];
    await Promise.all(dependents.map(({ type, object }) => this.#collectIfOrphaned(type, object)));
  }

  async #collectIfOrphaned(type: ResourceType, object: KubernetesObject): Promise<void> {
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0 || object.metadata.deletionTimestamp) return;
    const alive = await Promise.all(
      owners.map((owner) => this.#exists(owner, object.metadata.namespace ?? '')),
    );
    if (!alive.includes(true)) await deleteIfPresent(this.#options.store, keyOf(type, object));
  }

  async #exists(owner: OwnerReference, namespace: string): Promise<boolean> {
    const type = this.#options.types.find(owner.apiVersion, owner.kind);
    if (!type) return true;
    const found = await this.#options.store.get({
      type,
      namespace: type.namespaced ? namespace : '',
      name: owner.name,
    });
    return found?.metadata.uid === owner.uid;
  }
}
