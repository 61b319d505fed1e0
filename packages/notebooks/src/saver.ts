import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, writeFileAtomic } from '@tagboat/base';

/** Between two saves while cells run (milliseconds): a notebook of many small cells is not written after each. */
const interval = 500;

/**
 * Saves a notebook while it runs, beside the running and not too often: readers always see a whole one, and what is
 * seldom missing after a kill is the last half second. The last save is on disk before it resolves.
 */
export class Saver {
  readonly #path: string;
  readonly #text: () => string;
  readonly #clock: Clock;
  #writing: Promise<void> = Promise.resolve();
  #planned: Disposable | undefined;
  #last = Number.NEGATIVE_INFINITY;

  constructor(path: string, text: () => string, clock: Clock) {
    this.#path = path;
    this.#text = text;
    this.#clock = clock;
  }

  /** Saves soon. */
  later(): void {
    if (this.#planned) return;
    const wait = Math.max(0, this.#last + interval - this.#clock.monotonic());
    this.#planned = this.#clock.after(wait, () => {
      this.#planned = undefined;
      this.#writing = this.#writing.then(() => this.#write()).catch(() => undefined);
    });
  }

  /** Saves now, for good. @throws what keeps it from being written */
  async now(): Promise<void> {
    this.#planned?.[Symbol.dispose]();
    this.#planned = undefined;
    await this.#writing;
    await writeFileAtomic(this.#path, this.#text());
  }

  async #write(): Promise<void> {
    this.#last = this.#clock.monotonic();
    const temporary = join(dirname(this.#path), `.${basename(this.#path)}.tmp`);
    await writeFile(temporary, this.#text());
    await rename(temporary, this.#path);
  }
}
