/** Time is passed in, so that tests decide what it is. */
export interface Clock {
  /** Milliseconds since the epoch, for timestamps people read. */
  now(): number;
  /** Milliseconds from an arbitrary start that never goes backwards, for durations. */
  monotonic(): number;
  /** Calls back once after `milliseconds`; dispose to cancel. Does not keep the process alive by itself. */
  after(milliseconds: number, callback: () => void): Disposable;
}

/** setTimeout holds 31 bits; a longer wait is made of several. */
const longestTimeout = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(milliseconds, callback) {
    let timer: NodeJS.Timeout;
    const arm = (left: number) => {
      const step = Math.min(left, longestTimeout);
      timer = setTimeout(() => (left > step ? arm(left - step) : callback()), step);
      timer.unref();
    };
    // A whole number: what Node keeps of a timer of a fraction stays after it was cleared, until it would have come.
    arm(Math.max(0, Math.ceil(milliseconds)));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that only moves when told to: `advance` runs every alarm that falls due, in order of time. */
export class ManualClock implements Clock {
  #now: number;
  readonly #start: number;
  readonly #alarms = new Set<Alarm>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  after(milliseconds: number, callback: () => void): Disposable {
    const alarm = { at: this.#now + Math.max(0, milliseconds), callback };
    this.#alarms.add(alarm);
    return { [Symbol.dispose]: () => this.#alarms.delete(alarm) };
  }

  advance(milliseconds: number): void {
    const target = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#alarms].filter((alarm) => alarm.at <= target).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#alarms.delete(due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = target;
  }
}

/** Resolves after the clock has moved on by `milliseconds`, or at once when the signal aborts. Keeps no process alive. */
export function delay(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = clock.after(milliseconds, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    const stop = () => {
      timer[Symbol.dispose]();
      resolve();
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** RFC 3339 in UTC to the second, as Kubernetes writes its times. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
}
