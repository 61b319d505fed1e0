/** Does a piece of work when asked; what is asked for while it is done is done once, together, after it. */
export class Coalesced {
  readonly #work: () => Promise<void>;
  #asked = false;
  #working: Promise<void> | undefined;

  /** @param work must not reject */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  ask(): void {
    this.#asked = true;
    this.#working ??= this.#run();
  }

  /** Asks, and resolves when nothing is left to do. */
  async settle(): Promise<void> {
    this.ask();
    while (this.#working) await this.#working;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#asked) {
      this.#asked = false;
      await this.#work();
    }
    this.#working = undefined;
  }
}
