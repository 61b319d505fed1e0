import {
  type KubernetesObject,
  keyOf,
  type OwnerReference,
  type ResourceKey,
  type ResourceType,
  type TypeRegistry,
  typeId,
} from '@tagboat/api';
import { type Clock, isReason, type Logger } from '@tagboat/base';
import {
  deleteIfPresent,
  foregroundDeletion,
  mutate,
  orphanDependents,
  type Query,
  type Reader,
  type TextList,
  type WatchEvent,
  type Writer,
} from '@tagboat/store';
import { OwnershipGraph, type Tracked } from './ownership-graph.ts';
import { WorkQueue } from './work-queue.ts';

/** A store that lists texts, so that the many objects without owners need not be parsed. */
export interface CollectedStore extends Reader, Writer {
  listText(type: ResourceType, query?: Query): Promise<TextList>;
}

export interface GarbageCollectorOptions {
  readonly store: CollectedStore;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

const retryAfter = 500;

/**
 * Kubernetes' garbage collector: what every owner of which is gone is deleted; an owner that is deleted in the foreground
 * waits for what it owns; one that orphans lets go of what it owns first.
 */
export class GarbageCollector implements AsyncDisposable {
  readonly #options: GarbageCollectorOptions;
  readonly #stop = new AbortController();
  readonly #graph = new OwnershipGraph();
  readonly #queue: WorkQueue;
  readonly #followed = new Map<string, { stop: AbortController; task: Promise<void> }>();
  #worker: Promise<void> | undefined;
  #registration: Disposable | undefined;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options.clock);
  }

  start(): this {
    const { types } = this.#options;
    for (const type of types.all()) this.#follow(type);
    this.#registration = types.onChange((type, added) => added && this.#follow(type));
    this.#worker = this.#work();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#registration?.[Symbol.dispose]();
    this.#queue.close();
    await Promise.all([this.#worker, ...[...this.#followed.values()].map(({ task }) => task)]);
  }

  #follow(type: ResourceType): void {
    const id = typeId(type);
    if (this.#followed.has(id)) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    this.#followed.set(id, { stop, task: this.#watch(type, signal) });
  }

  async #watch(type: ResourceType, signal: AbortSignal): Promise<void> {
    const { store, log, clock } = this.#options;
    while (!signal.aborted)
      try {
        const from = await this.#take(type);
        for await (const event of store.watch(type, {}, { from, signal })) this.#observe(type, event);
        return;
      } catch (error) {
        if (isReason(error, 'Expired')) continue;
        log.warn(`watching ${type.plural} for the garbage collector failed; trying again`, { error });
        await new Promise<void>((resolve) => clock.after(retryAfter, resolve));
      }
  }

  /** Everything that is there. @returns its revision */
  async #take(type: ResourceType): Promise<string> {
    const { texts, resourceVersion } = await this.#options.store.listText(type);
    this.#graph.forget(typeId(type));
    for (const text of texts) {
      if (!text.includes('"ownerReferences"') && !text.includes('"deletionTimestamp"')) continue;
      this.#observe(type, { type: 'ADDED', object: JSON.parse(text) as KubernetesObject });
    }
    return resourceVersion;
  }

  #observe(type: ResourceType, { type: change, object }: WatchEvent<KubernetesObject>): void {
    const uid = object.metadata.uid ?? '';
    const tracked: Tracked = { key: keyOf(type, object), uid, owners: object.metadata.ownerReferences ?? [] };
    if (change === 'DELETED') {
      this.#graph.remove(tracked);
      for (const dependent of this.#graph.dependents(uid)) this.#queue.add(dependent.uid);
      for (const owner of tracked.owners) if (this.#graph.isDeleting(owner.uid)) this.#queue.add(owner.uid);
      return;
    }
    this.#graph.set(tracked);
    const finalizers = object.metadata.deletionTimestamp ? (object.metadata.finalizers ?? []) : [];
    const asked = finalizers.includes(foregroundDeletion) || finalizers.includes(orphanDependents);
    this.#graph.setDeleting(uid, asked ? tracked.key : undefined);
    if (asked) {
      this.#queue.add(uid);
      for (const dependent of this.#graph.dependents(uid)) this.#queue.add(dependent.uid);
    }
    if (change === 'ADDED' && tracked.owners.length > 0) this.#queue.add(uid);
  }

  async #work(): Promise<void> {
    for (;;) {
      const uid = await this.#queue.take();
      if (uid === undefined) return;
      try {
        await this.#process(uid);
      } catch (error) {
        if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict'))
          this.#options.log.warn('garbage collection failed; trying again', { uid, error });
        this.#queue.addAfter(uid, retryAfter);
      }
      this.#queue.done(uid);
    }
  }

  async #process(uid: string): Promise<void> {
    const deleting = this.#graph.isDeleting(uid);
    if (deleting) await this.#finish(deleting, uid);
    const tracked = this.#graph.get(uid);
    if (tracked && tracked.owners.length > 0) await this.#judge(tracked);
  }

  /** Does what the finalizers of an owner ask for, and takes them off once it is done. */
  async #finish(key: ResourceKey, uid: string): Promise<void> {
    const { store } = this.#options;
    const owner = await store.get(key);
    if (owner?.metadata.uid !== uid || !owner.metadata.deletionTimestamp) return;
    const finalizers = owner.metadata.finalizers ?? [];
    if (finalizers.includes(orphanDependents)) {
      await Promise.all(
        this.#graph.dependents(uid).map((dependent) => this.#letGo(dependent, new Set([uid]))),
      );
      await this.#unfinalize(key, orphanDependents);
    } else if (finalizers.includes(foregroundDeletion)) {
      const blocking = this.#graph
        .dependents(uid)
        .filter(({ owners }) =>
          owners.some((reference) => reference.uid === uid && reference.blockOwnerDeletion),
        );
      if (blocking.length === 0) await this.#unfinalize(key, foregroundDeletion);
      else for (const dependent of this.#graph.dependents(uid)) await this.#judge(dependent);
    }
  }

  /** Deletes an object whose owners are all gone or going, and takes off references to those that are gone. */
  async #judge(tracked: Tracked): Promise<void> {
    const { store } = this.#options;
    const object = await store.get(tracked.key);
    if (!object || object.metadata.uid !== tracked.uid || object.metadata.deletionTimestamp) return;
    const owners = object.metadata.ownerReferences ?? [];
    const states = await Promise.all(
      owners.map((owner) => this.#stateOf(owner, object.metadata.namespace ?? '')),
    );
    const gone = owners.filter((_, index) => states[index] !== 'solid');
    if (owners.length === 0 || gone.length === 0) return;
    if (states.includes('solid')) return this.#letGo(tracked, new Set(gone.map(({ uid }) => uid)));
    const waiting = states.includes('waiting');
    await deleteIfPresent(store, tracked.key, {
      uid: tracked.uid,
      ...(waiting ? { propagation: 'Foreground' as const } : {}),
    });
  }

  async #letGo({ key }: Tracked, uids: ReadonlySet<string>): Promise<void> {
    await mutate(this.#options.store, key, (draft) => {
      const left = (draft.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.has(uid));
      if (left.length > 0) draft.metadata.ownerReferences = left;
      else delete draft.metadata.ownerReferences;
    }).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
    });
  }

  async #unfinalize(key: ResourceKey, finalizer: string): Promise<void> {
    await mutate(this.#options.store, key, (draft) => {
      draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    });
  }

  async #stateOf(owner: OwnerReference, namespace: string): Promise<'solid' | 'waiting' | 'gone'> {
    const type = this.#options.types.find(owner.apiVersion, owner.kind);
    // An owner in a namespace of an object that is in none cannot be looked for (kubernetes, "Owners and dependents").
    if (!type || (type.namespaced && namespace === '')) return 'solid';
    const key = { type, namespace: type.namespaced ? namespace : '', name: owner.name };
    const found = await this.#options.store.get(key);
    if (found?.metadata.uid !== owner.uid) return 'gone';
    const foreground = found.metadata.finalizers?.includes(foregroundDeletion) ?? false;
    return found.metadata.deletionTimestamp && foreground ? 'waiting' : 'solid';
  }
}
