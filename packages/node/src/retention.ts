import { lstat, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock, Logger } from '@tagboat/base';
import { removeTree } from '@tagboat/process';
import type { NodeLayout } from './layout.ts';

/** What is kept at most: the oldest goes first. */
export interface Keep {
  readonly days: number;
  readonly bytes: number;
}

export interface Retained {
  readonly logs: Keep;
  /** Large results, and outcomes of tasks that declare reuse: each so much. */
  readonly artifacts: Keep;
}

export const defaultRetained: Retained = {
  logs: { days: 30, bytes: 2 * 2 ** 30 },
  artifacts: { days: 90, bytes: 10 * 2 ** 30 },
};

export interface Entry {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly changed: number;
}

/** What is too old, then the oldest of the rest until it fits. Pure. */
export function surplus(entries: readonly Entry[], keep: Keep, now: number): Entry[] {
  let bytes = 0;
  return [...entries]
    .sort((a, b) => b.changed - a.changed)
    .filter((entry) => {
      bytes += entry.bytes;
      return bytes > keep.bytes || now - entry.changed > keep.days * 86_400_000;
    });
}

interface RetentionOptions {
  readonly layout: NodeLayout;
  readonly clock: Clock;
  readonly log: Logger;
  readonly retained: Retained;
  /** Whether something below the directory is being written. */
  readonly inUse: (directory: string) => boolean;
  /** The large results, by name, that runs may still use. */
  readonly usedResults: () => Promise<ReadonlySet<string>>;
}

const between = 15 * 60_000;
const first = 60_000;

/** Removes old logs and artifacts, now and then. Dispose to stop. */
export class Retention implements AsyncDisposable {
  readonly #options: RetentionOptions;
  #timer: Disposable;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#timer = this.#after(first);
  }

  async sweep(): Promise<void> {
    const { layout, retained, inUse, usedResults } = this.#options;
    const pods: string[] = [];
    for (const namespace of await children(layout.logs)) pods.push(...(await children(namespace)));
    await this.#remove(
      pods.filter((directory) => !inUse(directory)),
      retained.logs,
    );
    const used = await usedResults();
    const results = await children(layout.results);
    await this.#remove(
      results.filter((path) => !used.has(basename(path))),
      retained.artifacts,
    );
    await this.#remove(await children(layout.reuse), retained.artifacts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    await this.#sweeping;
  }

  async #remove(paths: readonly string[], keep: Keep): Promise<void> {
    const entries: Entry[] = [];
    for (const path of paths) entries.push(await measured(path));
    const removed = surplus(entries, keep, this.#options.clock.now());
    for (const { path } of removed) await removeTree([path]);
    if (removed.length > 0)
      this.#options.log.info('removed what is kept no longer', {
        count: removed.length,
        first: removed[0]!.path,
      });
  }

  #after(milliseconds: number): Disposable {
    return this.#options.clock.after(milliseconds, () => {
      this.#sweeping = this.sweep()
        .catch((error: unknown) => this.#options.log.warn('cannot remove old logs and artifacts', { error }))
        .finally(() => {
          this.#timer = this.#after(between);
        });
    });
  }
}

async function children(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.map((name) => join(directory, name));
}

/** Size and last change of a file, or of all below a directory; links are not followed. */
async function measured(path: string): Promise<Entry> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return { path, bytes: 0, changed: 0 };
  let { size: bytes, mtimeMs: changed } = found;
  if (found.isDirectory())
    for (const child of await children(path)) {
      const entry = await measured(child);
      bytes += entry.bytes;
      // A directory that is restored from is touched; what is in it keeps its time.
      changed = Math.max(changed, entry.changed);
    }
  return { path, bytes, changed };
}

/** What a limit means, in words. */
export const describeKeep = ({ days, bytes }: Keep): string =>
  `for ${days} days and up to ${Math.round(bytes / 2 ** 20)} MB`;
