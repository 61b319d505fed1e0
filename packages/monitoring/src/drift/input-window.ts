import { isCounts, type Profile } from './profile.ts';

/** What a model server says at `/inputs`: counts since it started. */
export interface ServerInputs {
  /** The digest of the model that it serves. */
  readonly model: string;
  /** When the counting began. */
  readonly started: number;
  readonly observed: number;
  readonly counts: readonly (readonly number[])[];
}

interface Slot {
  rows: number;
  counts: number[][];
}

/** As it is kept on disk. */
export interface StoredWindow {
  readonly slots: readonly (readonly [number, Slot])[];
  readonly servers: readonly (readonly [string, ServerInputs])[];
}

const slotsPerWindow = 24;
const mostServers = 256;

/** The live inputs of one version of a model in one environment, counted over a window that moves in slots. */
export class InputWindow {
  readonly profile: Profile;
  readonly #slots: Map<number, Slot>;
  /** What each server said last: its next counts contain these. */
  readonly #servers: Map<string, ServerInputs>;

  constructor(profile: Profile, stored?: StoredWindow) {
    this.profile = profile;
    this.#slots = new Map(stored?.slots ?? []);
    this.#servers = new Map(stored?.servers ?? []);
  }

  /** Takes in what a server counts now. @returns whether there was anything new */
  add(server: string, inputs: ServerInputs, { now, window }: { now: number; window: number }): boolean {
    if (!this.#fits(inputs)) return false;
    const before = this.#servers.get(server);
    // A server that started anew counts from nothing.
    const known =
      before?.started === inputs.started && before.observed <= inputs.observed ? before : undefined;
    this.#servers.delete(server);
    this.#servers.set(server, inputs);
    if (this.#servers.size > mostServers) this.#servers.delete(this.#servers.keys().next().value!);
    const rows = inputs.observed - (known?.observed ?? 0);
    if (rows === 0) return false;
    const slot = this.#slotAt(now, window);
    slot.rows += rows;
    for (const [feature, counts] of inputs.counts.entries())
      for (const [bin, count] of counts.entries())
        slot.counts[feature]![bin]! += Math.max(0, count - (known?.counts[feature]?.[bin] ?? 0));
    return true;
  }

  /** All inputs of the window that ends now. */
  total({ now, window }: { now: number; window: number }): Slot {
    this.#trim(now, window);
    const total = this.#empty();
    for (const { rows, counts } of this.#slots.values()) {
      total.rows += rows;
      for (const [feature, bins] of counts.entries())
        for (const [bin, count] of bins.entries()) total.counts[feature]![bin]! += count;
    }
    return total;
  }

  stored(): StoredWindow {
    return { slots: [...this.#slots], servers: [...this.#servers] };
  }

  #fits({ observed, counts }: ServerInputs): boolean {
    const { features } = this.profile;
    return (
      isCounts([observed], 1) &&
      Array.isArray(counts) &&
      counts.length === features.length &&
      features.every((feature, index) => isCounts(counts[index], feature.counts.length))
    );
  }

  #slotAt(now: number, window: number): Slot {
    this.#trim(now, window);
    const index = Math.floor(now / (window / slotsPerWindow));
    const slot = this.#slots.get(index) ?? this.#empty();
    this.#slots.set(index, slot);
    return slot;
  }

  #trim(now: number, window: number): void {
    const index = Math.floor(now / (window / slotsPerWindow));
    for (const at of this.#slots.keys())
      if (at <= index - slotsPerWindow || at > index) this.#slots.delete(at);
  }

  #empty(): Slot {
    return { rows: 0, counts: this.profile.features.map(({ counts }) => counts.map(() => 0)) };
  }
}
