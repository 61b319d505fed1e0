import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TagboatError } from '@tagboat/base';

/** How much of what a cell says is kept, and where. Bytes. */
export interface OutputLimits {
  /** Of one cell, in the notebook. */
  readonly inNotebook: number;
  /** Of one cell, in files beside it. */
  readonly inFiles: number;
}

export const defaultLimits: OutputLimits = { inNotebook: 10 * 2 ** 20, inFiles: 2 ** 30 };

/**
 * Files beside the executed notebook for what is too large for it: `<notebook>.cell-<n>.stdout.txt`. Written as it
 * comes, so that a cell that says gigabytes needs no memory for them, and is slowed down instead.
 */
export class Spill implements Disposable {
  readonly #directory: string;
  readonly #prefix: string;
  readonly #limit: number;
  readonly #files = new Map<string, number>();
  #size = 0;
  #parts = 0;

  constructor(options: { directory: string; notebook: string; cell: number; limit: number }) {
    this.#directory = options.directory;
    this.#prefix = `${basename(options.notebook, '.ipynb')}.cell-${options.cell}`;
    this.#limit = options.limit;
  }

  /** Bytes that were dropped because even the files are full. */
  dropped = 0;

  /** Appends text of a stream. @returns the file's name */
  stream(stream: string, text: string): string {
    const name = `${this.#prefix}.${stream}.txt`;
    this.#write(name, Buffer.from(text));
    return name;
  }

  /** Keeps one output in a file of its own. @returns the file's name */
  part(extension: string, data: Uint8Array): string {
    const name = `${this.#prefix}.${++this.#parts}.${extension}`;
    this.#write(name, data);
    return name;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }

  #write(name: string, data: Uint8Array): void {
    const kept = data.subarray(0, Math.max(0, this.#limit - this.#size));
    this.dropped += data.length - kept.length;
    this.#size += kept.length;
    if (kept.length === 0) return;
    const file = this.#files.get(name) ?? openSync(join(this.#directory, name), 'w');
    this.#files.set(name, file);
    try {
      writeSync(file, kept);
    } catch (cause) {
      const message = `cannot keep the output of a cell in ${join(this.#directory, name)}: ${(cause as Error).message}`;
      throw new TagboatError(message, { reason: 'OutputNotKept', retryable: false, cause });
    }
  }
}
