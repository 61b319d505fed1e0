import { type ChangedPath, Commit, changedPaths } from '@tagboat/git-client';
import { modelFileName } from '@tagboat/render';

const mostKept = 64;

/** What was read of commits, which never change: many refs pushed together often name the same one. */
export class CommitMemory {
  readonly #known = new Map<string, Promise<unknown>>();

  /** @throws `NotFound` when it is not there */
  commit(mirror: string, id: string): Promise<Commit> {
    return this.#once(`${mirror} ${id}`, () => Commit.at(mirror, id, [modelFileName]));
  }

  /** The paths that differ between two commits. */
  changedPaths(mirror: string, range: { from: string | undefined; to: string }): Promise<ChangedPath[]> {
    return this.#once(`${mirror} ${range.from}..${range.to}`, () => changedPaths(mirror, range));
  }

  #once<T>(what: string, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(what) as Promise<T> | undefined;
    if (known) return known;
    const reading = read();
    this.#known.set(what, reading);
    reading.catch(() => this.#known.delete(what));
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKept && oldest !== undefined) this.#known.delete(oldest);
    return reading;
  }
}
