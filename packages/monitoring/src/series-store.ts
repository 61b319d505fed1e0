import { compileMatchers, type Labels, labelsKey, type Matcher, Series } from './series.ts';

export interface SeriesLimits {
  /** Milliseconds that samples are kept. */
  readonly retention: number;
  readonly series: number;
  /** Of all series together, 16 bytes each. */
  readonly samples: number;
}

export const defaultLimits: SeriesLimits = { retention: 24 * 3600_000, series: 5000, samples: 4_000_000 };

/** Time series in memory, within limits: what is oldest goes first, and new series are refused when there are too many. */
export class SeriesStore {
  readonly #limits: SeriesLimits;
  readonly #all = new Map<string, Series>();
  readonly #byName = new Map<string, Set<Series>>();
  #samples = 0;
  #refused = 0;

  constructor(limits: Partial<SeriesLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  get samples(): number {
    return this.#samples;
  }

  get count(): number {
    return this.#all.size;
  }

  /** Samples that were refused because there were too many series. */
  get refused(): number {
    return this.#refused;
  }

  /** @returns whether the sample is new, and there was room for it */
  append(labels: Labels, time: number, value: number): boolean {
    const series = this.#series(labels);
    if (!series) {
      this.#refused++;
      return false;
    }
    if (!series.append(time, value)) return false;
    this.#samples++;
    return true;
  }

  /** Every series that satisfies the matchers. */
  select(matchers: readonly Matcher[]): Series[] {
    const name = matchers.find((matcher) => matcher.name === '__name__' && matcher.operator === '=')?.value;
    const candidates = name === undefined ? this.#all.values() : (this.#byName.get(name) ?? []);
    const matches = compileMatchers(matchers);
    return [...candidates].filter(({ labels }) => matches(labels));
  }

  /** Keeps to the limits. To be called now and then. */
  trim(now: number): void {
    this.#dropBefore(now - this.#limits.retention);
    for (let part = 1; this.#samples > this.#limits.samples && part < 24; part++)
      this.#dropBefore(now - this.#limits.retention * (1 - part / 24));
  }

  #dropBefore(time: number): void {
    for (const series of [...this.#all.values()]) {
      if (series.oldest < time) this.#samples -= series.dropBefore(time);
      if (series.size > 0) continue;
      this.#all.delete(series.key);
      this.#byName.get(series.labels.__name__ ?? '')?.delete(series);
    }
  }

  #series(labels: Labels): Series | undefined {
    const found = this.#all.get(labelsKey(labels));
    if (found || this.#all.size >= this.#limits.series) return found;
    const series = new Series(labels);
    this.#all.set(series.key, series);
    const name = labels.__name__ ?? '';
    const named = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, named.add(series));
    return series;
  }
}
