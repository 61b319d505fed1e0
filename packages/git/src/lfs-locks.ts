import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@tagboat/base';

/** A lock as Git LFS' API shows it (git-lfs docs/api/locking.md). */
export interface LfsLock {
  readonly id: string;
  readonly path: string;
  /** RFC 3339. */
  readonly locked_at: string;
  readonly owner: { readonly name: string };
}

/** The most that one repository holds. */
const mostLocks = 10_000;

/** Changes of one repository's locks come one after the other. */
const turns = new Map<string, Promise<unknown>>();

/** Who works on which files of one repository, kept beside its LFS objects. */
export class LfsLocks {
  readonly #file: string;

  constructor(repository: string) {
    this.#file = join(repository, 'lfs', 'locks.json');
  }

  /** Oldest first. */
  async all(): Promise<readonly LfsLock[]> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]';
      throw error;
    });
    return JSON.parse(text) as LfsLock[];
  }

  /** @returns the new lock, or the one that is on the path already; `full` where no more are taken */
  async lock(asked: {
    path: string;
    owner: string;
    at: string;
  }): Promise<{ kind: 'made' | 'taken'; lock: LfsLock } | { kind: 'full' }> {
    return this.#change(async (locks, write) => {
      const taken = locks.find(({ path }) => path === asked.path);
      if (taken) return { kind: 'taken', lock: taken };
      if (locks.length >= mostLocks) return { kind: 'full' };
      const { path, owner, at } = asked;
      const lock = { id: randomUUID(), path, locked_at: at, owner: { name: owner } };
      await write([...locks, lock]);
      return { kind: 'made', lock };
    });
  }

  /** Another's lock goes only by force. */
  async unlock(
    id: string,
    { owner, force }: { owner: string; force: boolean },
  ): Promise<{ kind: 'gone' | 'refused'; lock: LfsLock } | { kind: 'missing' }> {
    return this.#change(async (locks, write) => {
      const lock = locks.find((item) => item.id === id);
      if (!lock) return { kind: 'missing' };
      if (lock.owner.name !== owner && !force) return { kind: 'refused', lock };
      await write(locks.filter((item) => item !== lock));
      return { kind: 'gone', lock };
    });
  }

  #change<T>(
    change: (locks: readonly LfsLock[], write: (locks: readonly LfsLock[]) => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const before = turns.get(this.#file) ?? Promise.resolve();
    const turn = before
      .catch(() => undefined)
      .then(async () =>
        change(await this.all(), (locks) => writeFileAtomic(this.#file, JSON.stringify(locks))),
      );
    const settled = turn
      .catch(() => undefined)
      .finally(() => {
        if (turns.get(this.#file) === settled) turns.delete(this.#file);
      });
    turns.set(this.#file, settled);
    return turn;
  }
}
