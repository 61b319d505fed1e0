import { readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '@tagboat/api';
import { type Clock, delay, type Logger } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import type { NodeLayout } from './layout.ts';
import { parseQuantity } from './quantity.ts';

export interface GuardedPod {
  readonly pod: Pod;
  evict(reason: string, message: string): void;
}

export interface DiskGuardOptions {
  readonly layout: NodeLayout;
  readonly clock: Clock;
  readonly log: Logger;
  /** The pods that run now. */
  readonly pods: () => readonly GuardedPod[];
  /** Bytes that the disk has and has left. */
  readonly space?: () => Promise<{ total: number; free: number }>;
}

/** The longest and shortest time (milliseconds) between looks at the disk while pods run: nothing tells when it fills. */
const longest = 5000;
const shortest = 250;
/** What a fast disk takes in a millisecond. */
const fastest = 2 * 2 ** 20;
const mebibyte = 2 ** 20;

/**
 * Keeps pods from filling the disk, as a kubelet does it: a pod that holds more than its limits say is evicted, and
 * where the disk runs full, the one that holds most.
 */
export class DiskGuard implements AsyncDisposable {
  readonly #options: DiskGuardOptions;
  readonly #stop = new AbortController();
  /** What was free when a pod was last evicted for lack of space; undefined when there was enough since. */
  #freeAtEviction: number | undefined;
  #watching: Promise<void> | undefined;

  constructor(options: DiskGuardOptions) {
    this.#options = options;
  }

  /** To be called when a pod starts. */
  wake(): void {
    this.#watching ??= this.#watch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { clock, log, pods } = this.#options;
    const { signal } = this.#stop;
    let limitsLooked = clock.monotonic();
    while (!signal.aborted && pods().length > 0)
      try {
        const { free, reserve } = await this.#space();
        const time = Math.max(shortest, Math.min(longest, (free - reserve) / fastest));
        await delay(clock, time, signal);
        if (signal.aborted) break;
        await this.#checkSpace();
        if (clock.monotonic() - limitsLooked < longest) continue;
        limitsLooked = clock.monotonic();
        await this.#checkAllLimits();
      } catch (error) {
        log.warn('cannot look at the disk', { error });
        await delay(clock, longest, signal);
      }
    this.#watching = undefined;
  }

  /** Looks once, and evicts what holds too much. */
  async look(): Promise<void> {
    await this.#checkAllLimits();
    await this.#checkSpace();
  }

  async #checkAllLimits(): Promise<void> {
    for (const guarded of this.#options.pods()) await this.#checkLimits(guarded);
  }

  async #checkSpace(): Promise<void> {
    const pods = this.#options.pods();
    const { free, reserve } = await this.#space();
    if (free >= reserve) {
      this.#freeAtEviction = undefined;
      return;
    }
    // What fills a claim leaves it full: the others are not to blame unless it gets worse.
    if (this.#freeAtEviction !== undefined && free >= this.#freeAtEviction) return;
    const held = await Promise.all(
      pods.map(async (guarded) => ({ guarded, bytes: await this.#held(guarded.pod) })),
    );
    const largest = held.sort((a, b) => b.bytes - a.bytes)[0];
    if (!largest || largest.bytes < 10 * mebibyte) return;
    this.#freeAtEviction = free;
    largest.guarded.evict(
      'Evicted',
      `The node was low on resource: ephemeral-storage. Threshold quantity: ${Math.floor(reserve)}, available: ${Math.floor(free / 1024)}Ki. The pod held ${Math.floor(largest.bytes / 1024)}Ki`,
    );
  }

  async #checkLimits(guarded: GuardedPod): Promise<void> {
    const { spec, metadata } = guarded.pod;
    const limits = (spec?.containers ?? []).flatMap(
      ({ resources }) => resources?.limits?.['ephemeral-storage'] ?? [],
    );
    if (limits.length > 0 && limits.length === spec?.containers.length) {
      const limit = limits.reduce<number>((sum, text) => sum + parseQuantity(text), 0);
      if ((await this.#held(guarded.pod, { claims: false })) > limit)
        return guarded.evict(
          'Evicted',
          `Pod ephemeral local storage usage exceeds the total limit of containers ${limits.join(' + ')}.`,
        );
    }
    for (const { name, emptyDir } of spec?.volumes ?? []) {
      if (!emptyDir?.sizeLimit) continue;
      const path = join(this.#options.layout.pod(metadata.uid ?? ''), 'volumes', name);
      if ((await sizeOf([path])) > parseQuantity(emptyDir.sizeLimit))
        return guarded.evict(
          'Evicted',
          `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}".`,
        );
    }
  }

  /** What a pod holds of the disk: its volumes, claims too, what it wrote beside them, and its logs. */
  async #held({ metadata, spec }: Pod, { claims = true } = {}): Promise<number> {
    const { layout } = this.#options;
    const own = layout.pod(metadata.uid ?? '');
    const parts = await readdir(join(own, 'containers')).catch(() => []);
    return sizeOf([
      join(own, 'volumes'),
      ...parts.flatMap((name) => ['root', 'upper', 'tmp'].map((part) => join(own, 'containers', name, part))),
      ...(spec?.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) =>
        claim && claims ? layout.claim(metadata.namespace ?? '', claim.claimName) : [],
      ),
      layout.podLogs(metadata.namespace ?? '', metadata.name),
    ]);
  }

  /** Bytes that are left, and that shall be. */
  async #space(): Promise<{ free: number; reserve: number }> {
    const { total, free } = await (this.#options.space ?? (() => spaceOf(this.#options.layout.home)))();
    return { free, reserve: Math.min(2 ** 30, total / 20) };
  }
}

async function spaceOf(path: string): Promise<{ total: number; free: number }> {
  const { blocks, bavail, bsize } = await statfs(path);
  return { total: blocks * bsize, free: bavail * bsize };
}

/** Bytes on the disk below some paths; what is not there counts nothing, what is mounted there neither. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  const { stdout } = await runCommand('du', ['-skxc', '--', ...paths], { timeout: 60_000 });
  const total = stdout.toString('utf8').trim().split('\n').at(-1) ?? '0';
  return Number.parseInt(total, 10) * 1024 || 0;
}
