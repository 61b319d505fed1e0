import { type Clock, delay, type Logger } from '@tagboat/base';

export interface Rounds {
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds from the end of one to the start of the next. */
  readonly interval: number;
  readonly signal: AbortSignal;
}

/** Does something again and again until the signal aborts. A round that fails is logged as `failed` says, and the next one comes. */
export async function goRound(
  { clock, log, interval, signal }: Rounds,
  failed: string,
  round: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await round().catch((error: unknown) => log.warn(failed, { error }));
    await delay(clock, interval, signal);
  }
}
