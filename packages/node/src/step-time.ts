import type { Clock } from '@tagboat/base';

/** The time that a step's command may take. It runs from `begin`, and no longer once the step waits at a breakpoint. */
export class StepTime implements Disposable {
  readonly #clock: Clock;
  readonly #milliseconds: number | undefined;
  readonly #over: () => void;
  #timer: Disposable | undefined;
  #isOver = false;

  /** @param milliseconds absent: as long as it takes */
  constructor(clock: Clock, milliseconds: number | undefined, over: () => void) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
    this.#over = over;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  begin(): void {
    if (this.#milliseconds === undefined) return;
    this.#timer = this.#clock.after(this.#milliseconds, () => {
      this.#isOver = true;
      this.#over();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
