/** A histogram in Prometheus' text format: counts by upper bound, their sum, and how many there were. */
export class Histogram {
  readonly #limits: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param limits upper bounds, rising; what is above the last is counted too */
  constructor(limits: readonly number[]) {
    this.#limits = limits;
    this.#counts = new Array<number>(limits.length + 1).fill(0);
  }

  observe(value: number): void {
    const found = this.#limits.findIndex((limit) => value <= limit);
    const index = found < 0 ? this.#limits.length : found;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  /** Its series. @param labels such as `task="train"` */
  lines(name: string, labels: string): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, index) => {
      total += count;
      return `${name}_bucket{${labels},le="${this.#limits[index] ?? '+Inf'}"} ${total}`;
    });
    return [...buckets, `${name}_sum{${labels}} ${this.#sum}`, `${name}_count{${labels}} ${total}`];
  }
}
