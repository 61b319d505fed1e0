import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, delay, type Logger } from '@tagboat/base';
import { removeTree } from '@tagboat/process';
import { Coalesced } from './coalesced.ts';

/** At most so many are removed by one process: a command line has a longest length. */
const most = 500;
/** What comes within so many milliseconds goes together: a process for each pod would take a tenth of a short pod's time. */
const pause = 1000;

/**
 * Removes directories that containers wrote to. They are out of the way at once; what is in them goes by and by, in a
 * process of its own, and what is left at the platform's end goes in its next life.
 */
export class Trash implements AsyncDisposable {
  readonly #directory: string;
  readonly #stop = new AbortController();
  readonly #emptying: Coalesced;

  private constructor(directory: string, { clock, log }: { clock: Clock; log: Logger }) {
    this.#directory = directory;
    this.#emptying = new Coalesced(async () => {
      await delay(clock, pause, this.#stop.signal);
      await this.empty().catch((error: unknown) => {
        if (!this.#stop.signal.aborted) log.warn('cannot remove what pods left', { error });
      });
    });
  }

  /** @param directory on the file system of what will be removed */
  static async open(directory: string, options: { clock: Clock; log: Logger }): Promise<Trash> {
    await mkdir(directory, { recursive: true });
    const trash = new Trash(directory, options);
    trash.#emptying.ask();
    return trash;
  }

  /** Takes a directory away; one that is not there is as good. */
  async take(path: string): Promise<void> {
    await rename(path, join(this.#directory, randomUUID())).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    this.#emptying.ask();
  }

  /** What is left goes when it is opened again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#emptying.settle();
  }

  /** Removes what is in it without waiting for more. */
  async empty(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const paths = (await readdir(this.#directory))
        .slice(0, most)
        .map((name) => join(this.#directory, name));
      if (paths.length === 0) return;
      await removeTree(paths, this.#stop.signal);
    }
  }
}
