import type { Probe } from '@tagboat/api';
import { type Clock, delay } from '@tagboat/base';
import { type ProbeResult, type ProbeTarget, probeOnce } from './probes.ts';

export interface Probing {
  readonly probe: Probe;
  readonly target: ProbeTarget;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Asks oftener than the period until it passes first: what waits for it should not wait for a period. */
  readonly eager: boolean;
  /** Called for each failure that counts. */
  readonly failed: (result: ProbeResult) => void;
}

const firstEagerWait = 25;
const longestEagerWait = 1000;

/**
 * Asks again and again (pkg/kubelet/prober): yields true once it passed `successThreshold` times in a row, false once
 * it failed `failureThreshold` times, and nothing while that stays so. Failures before a period is over count once.
 */
export async function* follow({
  probe,
  target,
  clock,
  signal,
  eager,
  failed,
}: Probing): AsyncGenerator<boolean> {
  const period = (probe.periodSeconds ?? 10) * 1000;
  const timeout = (probe.timeoutSeconds ?? 1) * 1000;
  await delay(clock, (probe.initialDelaySeconds ?? 0) * 1000, signal);
  let state: boolean | undefined;
  let inRow = { ok: true, count: 0 };
  let counted = clock.monotonic();
  let eagerWait = firstEagerWait;
  while (!signal.aborted) {
    const result = await probeOnce(probe, target, timeout);
    if (signal.aborted) return;
    const hurried = eager && state === undefined && !result.ok;
    if (!hurried || clock.monotonic() - counted >= period) {
      counted = clock.monotonic();
      inRow =
        inRow.ok === result.ok ? { ok: result.ok, count: inRow.count + 1 } : { ok: result.ok, count: 1 };
      if (!result.ok) failed(result);
      const needed = result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
      if (state !== result.ok && inRow.count >= needed) {
        state = result.ok;
        yield state;
      }
    }
    const waitsForFirst = eager && state === undefined;
    await delay(clock, waitsForFirst ? Math.min(eagerWait, period) : period, signal);
    if (waitsForFirst) eagerWait = Math.min(eagerWait * 2, longestEagerWait);
  }
}
