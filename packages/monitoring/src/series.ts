/** Label names and values; the metric's name is `__name__`. */
export type Labels = Readonly<Record<string, string>>;

/** Stands for "gone from here on" in place of a value (Prometheus: staleness marker). */
export const stale = -Number.MAX_VALUE;

export interface Matcher {
  readonly name: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** The same for equal labels, whatever order they were given in. */
export function labelsKey(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return names.map((name) => `${name}\u0001${labels[name]}`).join('\u0002');
}

/** The samples of one set of labels, oldest first. */
export class Series {
  readonly labels: Labels;
  readonly key: string;
  readonly #times: number[] = [];
  readonly #values: number[] = [];
  #head = 0;

  constructor(labels: Labels) {
    this.labels = labels;
    this.key = labelsKey(labels);
  }

  get size(): number {
    return this.#times.length - this.#head;
  }

  get newest(): number {
    return this.#times.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  get oldest(): number {
    return this.#times[this.#head] ?? Number.POSITIVE_INFINITY;
  }

  /** The newest value, `stale` included. */
  get last(): number | undefined {
    return this.size > 0 ? this.#values.at(-1) : undefined;
  }

  /** @returns false for a time that is not after the newest one */
  append(time: number, value: number): boolean {
    if (time <= this.newest) return false;
    this.#times.push(time);
    this.#values.push(value);
    return true;
  }

  /** Drops what is older than `time`. @returns how many samples went */
  dropBefore(time: number): number {
    const from = this.#firstAfter(time - 1);
    const gone = from - this.#head;
    this.#head = from;
    if (this.#head > 1024 && this.#head * 2 > this.#times.length) {
      this.#times.splice(0, this.#head);
      this.#values.splice(0, this.#head);
      this.#head = 0;
    }
    return gone;
  }

  /** The newest sample in (after, until], unless the series is gone there. */
  at(until: number, after: number): { time: number; value: number } | undefined {
    const index = this.#firstAfter(until) - 1;
    if (index < this.#head) return undefined;
    const time = this.#times[index]!;
    const value = this.#values[index]!;
    return time > after && value !== stale ? { time, value } : undefined;
  }

  /** All samples in (after, until]. */
  between(after: number, until: number): Window {
    const times: number[] = [];
    const values: number[] = [];
    for (let index = this.#firstAfter(after); index < this.#times.length; index++) {
      const time = this.#times[index]!;
      if (time > until) break;
      const value = this.#values[index]!;
      if (value === stale) continue;
      times.push(time);
      values.push(value);
    }
    return { times, values };
  }

  #firstAfter(time: number): number {
    let low = this.#head;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle]! <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export interface Window {
  /** Milliseconds since the epoch, rising. */
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** Whether labels satisfy every matcher; a label that is not there is the empty text. */
export function compileMatchers(matchers: readonly Matcher[]): (labels: Labels) => boolean {
  const tests = matchers.map(({ name, operator, value }) => {
    const wanted = operator === '=' || operator === '=~';
    const pattern = operator.endsWith('~') ? new RegExp(`^(?:${value})$`, 's') : undefined;
    return (labels: Labels) => {
      const found = labels[name] ?? '';
      return (pattern ? pattern.test(found) : found === value) === wanted;
    };
  });
  return (labels) => tests.every((test) => test(labels));
}
