/** Waits between restarts: none, then 10 s, twice as long each time, at most 5 min (kubelet's crash loop back-off). */
export class BackOff {
  readonly #first: number;
  readonly #longest: number;
  #wait = 0;

  /** In milliseconds. */
  constructor({ first = 10_000, longest = 300_000 } = {}) {
    this.#first = first;
    this.#longest = longest;
  }

  /** How long to wait now, in milliseconds, after a life of `lived`; a long life forgets earlier failures. */
  next(lived: number): number {
    if (lived >= 2 * this.#longest) this.#wait = 0;
    const wait = this.#wait;
    this.#wait = Math.min(Math.max(this.#first, this.#wait * 2), this.#longest);
    return wait;
  }
}

/** As Kubernetes prints a wait: `10s`, `2m40s`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
