import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CollectionReport } from '@tagboat/api';
import { describeError, timestamp, writeFileAtomic } from '@tagboat/base';
import { type Hosting, packRepositories } from '@tagboat/git';
import { collectUnpacked } from '@tagboat/oci';
import { collectEnvironments } from '@tagboat/python';
import { type BlobStore, collectUnused } from '@tagboat/registry';
import { environmentsClaim, notebooksType, stepOutcomeType } from '@tagboat/render';
import type { Core } from '../core.ts';
import { collectWorkspaces } from './collect-workspaces.ts';
import { imagesInUse, namedDigests, oldestUserOf } from './named-digests.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
/** A start is not slowed down, and a platform that is started for an hour now and then collects too. */
const first = 10 * minute;
const between = 12 * 60 * minute;

/** How long (days) what nothing uses stays: `keep` in `tagboat.config.yaml`. */
export interface KeepUnused {
  readonly registry: { readonly days: number };
  readonly environments: { readonly days: number };
  readonly workspaces: { readonly days: number };
}

export const defaultKeepUnused: KeepUnused = {
  registry: { days: 90 },
  environments: { days: 30 },
  workspaces: { days: 7 },
};

type CollectionOptions = Pick<Core, 'store' | 'types' | 'clock' | 'log' | 'home'> & {
  readonly keep: KeepUnused;
  readonly blobs: BlobStore;
  readonly hosting: Hosting;
};

/**
 * Removes now and then what nothing uses any more: artifacts of the registry that nothing names, workspaces of runs that
 * are over, Python environments and unpacked images that nobody asked for. Packs what is loose in repositories. Dispose to
 * stop.
 */
export class Collection implements AsyncDisposable {
  readonly #options: CollectionOptions;
  readonly #stop = new AbortController();
  #timer: Disposable;
  #running: Promise<CollectionReport> | undefined;

  constructor(options: CollectionOptions) {
    this.#options = options;
    this.#timer = this.#after(first);
  }

  /** Collects now; who asks while one runs gets its outcome. */
  run(): Promise<CollectionReport> {
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The last one that ended; undefined where there was none. */
  async last(): Promise<CollectionReport | undefined> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    return text === undefined ? undefined : (JSON.parse(text) as CollectionReport);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
  }

  get #file(): string {
    return join(this.#options.home, 'config', 'collection.json');
  }

  async #collect(): Promise<CollectionReport> {
    const { clock, log } = this.#options;
    const problems: string[] = [];
    const part = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
      try {
        if (!this.#stop.signal.aborted) return await work();
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined;
        problems.push(`${what}: ${describeError(error)}`);
        log.warn(`nothing of the ${what} was collected`, { error });
      }
      return undefined;
    };
    const registry = await part('registry', () => this.#collectRegistry());
    const workspaces = await part('workspaces', () => this.#collectWorkspaces());
    const environments = await part('environments', () => this.#collectEnvironments());
    const images = await part('unpacked images', () => this.#collectImages());
    const { signal } = this.#stop;
    await part('repositories', () => packRepositories(join(this.#options.home, 'git'), { signal }));
    const removed = [registry?.removed, workspaces, environments, images].reduce(
      (sum, one) => sum + (one?.bytes ?? 0),
      0,
    );
    const report: CollectionReport = {
      at: timestamp(clock),
      ...(registry ? { registry } : {}),
      ...(workspaces ? { workspaces } : {}),
      ...(environments ? { environments } : {}),
      ...(images ? { images } : {}),
      problems,
      removedBytesInAll: ((await this.last())?.removedBytesInAll ?? 0) + removed,
    };
    if (this.#stop.signal.aborted) return report;
    await writeFileAtomic(this.#file, `${JSON.stringify(report)}\n`);
    log.info('collected what nothing uses', { registry, workspaces, environments, images });
    return report;
  }

  async #collectRegistry() {
    const { blobs, keep, clock } = this.#options;
    const unusedSince = this.#before(keep.registry);
    const { signal } = this.#stop;
    const named = await namedDigests({ ...this.#options, endedBefore: unusedSince, signal });
    const uploadedBefore = clock.now() - day;
    await blobs.removeAbandoned(uploadedBefore);
    const expiring = new Set([stepOutcomeType, notebooksType]);
    return collectUnused(blobs, { named, expiring, unusedSince, uploadedBefore, signal });
  }

  #collectWorkspaces() {
    const { store, home, keep } = this.#options;
    const endedBefore = this.#before(keep.workspaces);
    const directoryOf = ({ namespace, name }: { namespace: string; name: string }) =>
      join(home, 'volumes', 'claims', namespace, name);
    return collectWorkspaces({ store, directoryOf, endedBefore });
  }

  async #collectEnvironments() {
    const { store, home, keep } = this.#options;
    const oldestUser = await oldestUserOf(store, environmentsClaim);
    return collectEnvironments(join(home, 'environments'), {
      // What runs asked for its environment after it had begun, and relies on that until it ends.
      unusedSince: Math.min(this.#before(keep.environments), oldestUser),
      trash: this.#trash,
      idle: oldestUser === Number.POSITIVE_INFINITY,
    });
  }

  async #collectImages() {
    const { store, home, keep } = this.#options;
    const inUse = await imagesInUse(store);
    return collectUnpacked(join(home, 'images'), {
      inUse,
      unusedSince: this.#before(keep.environments),
      trash: this.#trash,
    });
  }

  /** A day at least: what is used now may have been found some time ago. */
  #before({ days }: { readonly days: number }): number {
    return this.#options.clock.now() - Math.max(1, days) * day;
  }

  /** The node's: what a kill leaves in it goes at the next start. */
  get #trash(): string {
    return join(this.#options.home, 'volumes', 'trash');
  }

  #after(milliseconds: number): Disposable {
    return this.#options.clock.after(milliseconds, () => {
      this.run()
        .catch((error: unknown) => this.#options.log.warn('cannot collect what nothing uses', { error }))
        .finally(() => {
          if (!this.#stop.signal.aborted) this.#timer = this.#after(between);
        });
    });
  }
}
