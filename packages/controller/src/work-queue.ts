import type { Clock } from '@tagboat/base';

/**
 * Keys waiting to be handled. A key added twice before it is taken is handled once; a key added while it is being
 * handled is handled again afterwards, never twice at once (client-go `util/workqueue`).
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #ready = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { at: number; timer: Disposable }>();
  #wake: (() => void)[] = [];
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#disarm(key);
    if (this.#running.has(key)) this.#again.add(key);
    else {
      this.#ready.add(key);
      this.#wake.shift()?.();
    }
  }

  /** Adds the key after a while; of several such wishes for one key the earliest holds. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#closed) return;
    const at = this.#clock.monotonic() + milliseconds;
    const armed = this.#timers.get(key);
    if (armed && armed.at <= at) return;
    this.#disarm(key);
    this.#timers.set(key, { at, timer: this.#clock.after(milliseconds, () => this.add(key)) });
  }

  /** The next key, which counts as running until `done`; undefined once the queue is closed. */
  async take(): Promise<string | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const [key] = this.#ready;
      if (key !== undefined) {
        this.#ready.delete(key);
        this.#running.add(key);
        return key;
      }
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  done(key: string): void {
    this.#running.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** True while the key waits, runs or is due later. */
  has(key: string): boolean {
    return this.#ready.has(key) || this.#running.has(key) || this.#timers.has(key);
  }

  /** True when nothing waits and nothing runs; what is due later does not count. */
  get idle(): boolean {
    return this.#ready.size === 0 && this.#running.size === 0;
  }

  close(): void {
    this.#closed = true;
    for (const key of [...this.#timers.keys()]) this.#disarm(key);
    for (const wake of this.#wake.splice(0)) wake();
  }

  #disarm(key: string): void {
    this.#timers.get(key)?.timer[Symbol.dispose]();
    this.#timers.delete(key);
  }
}
