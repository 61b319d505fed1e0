import { type OwnerReference, type ResourceKey, typeId } from '@tagboat/api';

/** One object that names owners, without the rest of it. */
export interface Tracked {
  readonly key: ResourceKey;
  readonly uid: string;
  readonly owners: readonly OwnerReference[];
}

/** Who owns what, by uid; and which owners are being deleted and want something done first. */
export class OwnershipGraph {
  readonly #objects = new Map<string, Tracked>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #deleting = new Map<string, ResourceKey>();

  get(uid: string): Tracked | undefined {
    return this.#objects.get(uid);
  }

  set(tracked: Tracked): void {
    this.#detach(tracked.uid);
    if (tracked.owners.length === 0) return;
    this.#objects.set(tracked.uid, tracked);
    for (const { uid } of tracked.owners)
      this.#dependents.set(uid, (this.#dependents.get(uid) ?? new Set()).add(tracked.uid));
  }

  remove({ uid }: Tracked): void {
    this.#detach(uid);
    this.#deleting.delete(uid);
  }

  /** Forgets the objects of a type, before all of them are read again. */
  forget(type: string): void {
    for (const [uid, { key }] of [...this.#objects]) if (typeId(key.type) === type) this.#detach(uid);
    for (const [uid, key] of [...this.#deleting]) if (typeId(key.type) === type) this.#deleting.delete(uid);
  }

  dependents(owner: string): Tracked[] {
    return [...(this.#dependents.get(owner) ?? [])].map((uid) => this.#objects.get(uid)!);
  }

  isDeleting(uid: string): ResourceKey | undefined {
    return this.#deleting.get(uid);
  }

  setDeleting(uid: string, key: ResourceKey | undefined): void {
    if (key) this.#deleting.set(uid, key);
    else this.#deleting.delete(uid);
  }

  #detach(uid: string): void {
    const before = this.#objects.get(uid);
    if (!before) return;
    this.#objects.delete(uid);
    for (const owner of before.owners) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }
}
