import { invalid, TagboatError } from '@tagboat/base';
import type { Labels, Window } from '../series.ts';
import type { SeriesStore } from '../series-store.ts';
import { aggregate } from './aggregate.ts';
import { applyBinary } from './binary.ts';
import type { Aggregate, Expression, Range, Selector, Shift, Subquery } from './expression.ts';
import { callFunction } from './functions.ts';
import { type Point, scalar, type Value, vector, withoutName } from './value.ts';
import { type Bounds, keepsName, windowFunctions } from './window-functions.ts';

/** How far back an instant selector looks for a sample; milliseconds. */
export const lookback = 5 * 60_000;
/** As Prometheus' `query.max-samples`. */
const mostSamples = 50_000_000;
/** Of subqueries together: those in one another multiply, and may read no sample at all. */
const mostSteps = 500_000;

export interface QueryRange {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

interface Windowed extends Window {
  readonly labels: Labels;
}

const tooLarge = (what: string) =>
  new TagboatError(`the query would ${what}`, {
    reason: 'TooLarge',
    hint: 'ask for fewer series, a shorter range or a longer step',
    retryable: false,
  });

/** Evaluates expressions over stored series. One instance serves one query, whose cost it limits. */
export class Evaluation {
  readonly #store: SeriesStore;
  readonly #range: QueryRange;
  readonly #selected = new Map<Selector, ReturnType<SeriesStore['select']>>();
  #samples = 0;
  #steps = 0;

  constructor(store: SeriesStore, range: QueryRange) {
    this.#store = store;
    this.#range = range;
  }

  /** How many samples were read so far, and steps of subqueries taken. */
  get work(): number {
    return this.#samples + this.#steps;
  }

  /** The value at a time in milliseconds. @throws `Invalid`, `TooLarge` */
  at(expression: Expression, time: number): Value {
    switch (expression.kind) {
      case 'number':
        return scalar(expression.value);
      case 'string':
        return { kind: 'string', value: expression.value };
      case 'selector':
        return vector(this.#instant(expression, time));
      case 'range':
      case 'subquery':
        throw invalid('a range vector must be given to a function such as rate()');
      case 'negate':
        return this.#negate(this.at(expression.expression, time));
      case 'binary':
        return applyBinary(expression, this.at(expression.left, time), this.at(expression.right, time));
      case 'aggregate':
        return this.#aggregate(expression, time);
      case 'call':
        return this.#call(expression, time);
    }
  }

  /** The samples of a range selector or a subquery, for `query` with one of them at its top. */
  windows(expression: Range | Subquery, time: number): { windows: Windowed[]; bounds: Bounds } {
    return expression.kind === 'range'
      ? this.#rangeWindows(expression, time)
      : this.#subquery(expression, time);
  }

  #moment(shift: Shift, time: number): number {
    const { at } = shift;
    const base =
      at === undefined ? time : at === 'start' ? this.#range.start : at === 'end' ? this.#range.end : at;
    return base - shift.offset;
  }

  #select(selector: Selector) {
    const found = this.#selected.get(selector) ?? this.#store.select(selector.matchers);
    this.#selected.set(selector, found);
    return found;
  }

  #spend(samples: number): void {
    this.#samples += samples;
    if (this.#samples > mostSamples) throw tooLarge(`read more than ${mostSamples} samples`);
  }

  #instant(selector: Selector, time: number): Point[] {
    const moment = this.#moment(selector, time);
    const series = this.#select(selector);
    this.#spend(series.length);
    return series.flatMap((one) => {
      const found = one.at(moment, moment - lookback);
      return found ? [{ labels: one.labels, ...found }] : [];
    });
  }

  #rangeWindows({ selector, window }: Range, time: number) {
    const to = this.#moment(selector, time);
    const bounds = { from: to - window, to };
    const windows = this.#select(selector).flatMap((series) => {
      const found = series.between(bounds.from, bounds.to);
      this.#spend(found.times.length + 1);
      return found.times.length > 0 ? [{ labels: series.labels, ...found }] : [];
    });
    return { windows, bounds };
  }

  #subquery(query: Subquery, time: number) {
    const to = this.#moment(query, time);
    const bounds = { from: to - query.window, to };
    const step = query.step ?? Math.max(1000, this.#range.step || 15_000);
    if (query.window / step > 11_000) throw invalid('a subquery may have at most 11,000 steps');
    const found = new Map<string, { labels: Labels; times: number[]; values: number[] }>();
    const first = Math.floor(bounds.from / step) * step + step;
    for (let moment = first; moment <= bounds.to; moment += step) {
      if (++this.#steps > mostSteps) throw tooLarge(`take more than ${mostSteps} steps of subqueries`);
      const value = this.at(query.expression, moment);
      if (value.kind === 'string') throw invalid('a subquery of a string has no samples');
      const points = value.kind === 'scalar' ? [{ labels: {}, value: value.value }] : value.points;
      for (const point of points) {
        const key = JSON.stringify(Object.entries(point.labels).sort());
        const window = found.get(key) ?? { labels: point.labels, times: [], values: [] };
        window.times.push(moment);
        window.values.push(point.value);
        found.set(key, window);
      }
    }
    return { windows: [...found.values()], bounds };
  }

  #negate(value: Value): Value {
    if (value.kind === 'string') throw invalid('- is not defined for strings');
    if (value.kind === 'scalar') return scalar(-value.value);
    return vector(value.points.map((point) => ({ labels: withoutName(point.labels), value: -point.value })));
  }

  #aggregate(expression: Aggregate, time: number): Value {
    const value = this.at(expression.expression, time);
    if (value.kind !== 'vector')
      throw invalid(`${expression.operator} expects a vector, found a ${value.kind}`);
    const parameter = expression.parameter && this.at(expression.parameter, time);
    if (parameter?.kind === 'vector')
      throw invalid(`${expression.operator} expects a scalar or a string first`);
    return vector(aggregate(value.points, { ...expression, parameter: parameter?.value }));
  }

  #call(expression: Extract<Expression, { kind: 'call' }>, time: number): Value {
    const { name, args } = expression;
    const windowed = args.find((arg) => arg.kind === 'range' || arg.kind === 'subquery');
    if (name === 'absent_over_time' && windowed) return this.#absent(windowed, time);
    if (!(name in windowFunctions)) {
      const values = args.map((arg) => this.at(arg, time));
      return callFunction({ name, args: values, expressions: args, time });
    }
    if (!windowed) throw invalid(`${name} expects a range vector, such as ${name}(x[5m])`);
    const other = args.find((arg) => arg !== windowed);
    const parameter = other && this.at(other, time);
    if (parameter && parameter.kind !== 'scalar') throw invalid(`${name} expects a number beside the range`);
    const { windows, bounds } = this.windows(windowed, time);
    const points = windows.flatMap(({ labels, ...window }) => {
      const value = windowFunctions[name]!({ ...window, bounds, parameter: parameter?.value ?? 0 });
      return value === undefined
        ? []
        : [{ labels: keepsName.has(name) ? labels : withoutName(labels), value }];
    });
    return vector(points);
  }

  #absent(windowed: Range | Subquery, time: number): Value {
    const { windows } = this.windows(windowed, time);
    if (windows.length > 0) return vector([]);
    const expression = windowed.kind === 'range' ? windowed.selector : windowed.expression;
    return callFunction({ name: 'absent', args: [vector([])], expressions: [expression], time });
  }
}
