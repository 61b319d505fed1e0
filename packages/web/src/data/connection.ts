import { TagboatError } from '@tagboat/base';

/** Whether the platform can be reached, as all watches together see it. */
export interface ConnectionState {
  readonly lost: boolean;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** What the platform says, where it can be reached and does not do what it should. */
  readonly said?: string;
}

type Listener = () => void;

/** Watches report here what they see; the banner listens. */
export class Connection {
  #state: ConnectionState = { lost: false, since: Date.now() };
  readonly #listeners = new Set<Listener>();
  readonly #waiting = new Set<Listener>();

  readonly subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly current = (): ConnectionState => this.#state;

  /** @param error why it is taken for lost */
  report(lost: boolean, error?: unknown): void {
    if (lost === this.#state.lost) return;
    const answered = error instanceof TagboatError && error.reason !== 'Unavailable';
    this.#state = { lost, since: Date.now(), ...(answered ? { said: error.message } : {}) };
    for (const listener of this.#listeners) listener();
    if (!lost) this.retryNow();
  }

  /** Lets everything that waits before its next attempt go on at once. */
  readonly retryNow = (): void => {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  };

  /** Waits before attempt number `attempt` (from 0): longer each time, at most ten seconds, and shorter when `retryNow` is called. */
  pause(attempt: number, signal: AbortSignal): Promise<void> {
    const milliseconds = Math.min(10_000, 300 * 2 ** attempt) * (0.8 + Math.random() * 0.4);
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#waiting.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

export const connection = new Connection();

if (typeof window !== 'undefined') {
  window.addEventListener('online', connection.retryNow);
  document.addEventListener('visibilitychange', () => document.hidden || connection.retryNow());
}
