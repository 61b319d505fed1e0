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

/** How often (milliseconds) the disk is looked at while pods run: nothing tells when it fills. */
const interval = 5000;
const mebibyte = 2 ** 20;

/**
 * Keeps pods from filling the disk, as a kubelet does it: a pod that holds more than its limits say is evicted, and
 * where the disk runs full, the one that holds most.
 */
export class DiskGuard implements AsyncDisposable {
  readonly #options: DiskGuardOptions;
  readonly #stop = new AbortController();
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
    while (!signal.aborted && pods().length > 0) {
      await delay(clock, interval, signal);
      if (signal.aborted) break;
      await this.look().catch((error: unknown) => log.warn('cannot look at the disk', { error }));
    }
    this.#watching = undefined;
  }

  /** Looks once, and evicts what holds too much. */
  async look(): Promise<void> {
    const pods = this.#options.pods();
    for (const guarded of pods) await this.#checkLimits(guarded);
    const { total, free } = await this.#space();
    const reserve = Math.min(2 ** 30, total / 20);
    if (free >= reserve) return;
    const held = await Promise.all(
      pods.map(async (guarded) => ({ guarded, bytes: await this.#held(guarded.pod) })),
    );
    const largest = held.sort((a, b) => b.bytes - a.bytes)[0];
    if (!largest || largest.bytes < 10 * mebibyte) return;
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
      if ((await this.#held(guarded.pod)) > limit)
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

  /** What a pod holds of the disk: its volumes that are its own, what it wrote beside them, and its logs. */
  async #held({ metadata }: Pod): Promise<number> {
    const { layout } = this.#options;
    const own = layout.pod(metadata.uid ?? '');
    const parts = await readdir(join(own, 'containers')).catch(() => []);
    return sizeOf([
      join(own, 'volumes'),
      ...parts.flatMap((name) => ['root', 'upper', 'tmp'].map((part) => join(own, 'containers', name, part))),
      layout.podLogs(metadata.namespace ?? '', metadata.name),
    ]);
  }

  async #space(): Promise<{ total: number; free: number }> {
    if (this.#options.space) return this.#options.space();
    const { blocks, bavail, bsize } = await statfs(this.#options.layout.home);
    return { total: blocks * bsize, free: bavail * bsize };
  }
}

/** Bytes on the disk below some paths; what is not there counts nothing, what is mounted there neither. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  const { stdout } = await runCommand('du', ['-skxc', '--', ...paths], { timeout: 60_000 });
  const total = stdout.toString('utf8').trim().split('\n').at(-1) ?? '0';
  return Number.parseInt(total, 10) * 1024 || 0;
}
