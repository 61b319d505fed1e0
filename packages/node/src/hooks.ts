import type { LifecycleHandler } from '@tagboat/api';
import { type Clock, delay } from '@tagboat/base';
import { type ProbeResult, type ProbeTarget, probeOnce } from './probes.ts';

export interface HookOptions {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Does what a container's lifecycle asks for (core/v1 LifecycleHandler). */
export async function runHook(
  handler: LifecycleHandler,
  target: ProbeTarget,
  { clock, timeout }: HookOptions,
): Promise<ProbeResult> {
  if (handler.sleep) {
    await delay(clock, Math.min(handler.sleep.seconds * 1000, timeout));
    return { ok: true, message: '' };
  }
  return probeOnce(handler, target, timeout);
}
