import type { Window } from '../series.ts';
import { linearRegression, quantile, variance } from './statistics.ts';

/** The bounds of a window, in milliseconds; a sample at `from` is not in it. */
export interface Bounds {
  readonly from: number;
  readonly to: number;
}

export interface WindowInput extends Window {
  readonly bounds: Bounds;
  /** A number that the function takes beside the window. */
  readonly parameter: number;
}

/** @returns undefined where the window holds too little */
export type WindowFunction = (input: WindowInput) => number | undefined;

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const seconds = ({ from, to }: Bounds) => (to - from) / 1000;

/**
 * The growth over a window, extrapolated to its ends where samples come close to them; a fall of a counter is a
 * start from zero (Prometheus documentation, "rate()").
 */
function growth({ times, values, bounds }: WindowInput, isCounter: boolean): number | undefined {
  const count = times.length;
  if (count < 2) return undefined;
  let grown = values[count - 1]! - values[0]!;
  if (isCounter)
    for (let index = 1; index < count; index++)
      if (values[index]! < values[index - 1]!) grown += values[index - 1]!;
  const sampled = (times[count - 1]! - times[0]!) / 1000;
  const average = sampled / (count - 1);
  const near = average * 1.1;
  let before = (times[0]! - bounds.from) / 1000;
  let after = (bounds.to - times[count - 1]!) / 1000;
  if (before >= near) before = average / 2;
  // A counter cannot have been below zero before the window's first sample.
  if (isCounter && grown > 0 && values[0]! >= 0) before = Math.min(before, sampled * (values[0]! / grown));
  if (after >= near) after = average / 2;
  return grown * ((sampled + before + after) / sampled);
}

/** The change between the two newest samples. */
function newest({ times, values }: WindowInput, isCounter: boolean) {
  const count = times.length;
  if (count < 2) return undefined;
  const [last, before] = [values[count - 1]!, values[count - 2]!];
  const change = isCounter && last < before ? last : last - before;
  return { change, seconds: (times[count - 1]! - times[count - 2]!) / 1000 };
}

function countOf(values: readonly number[], isOne: (value: number, before: number) => boolean): number {
  return values.filter((value, index) => index > 0 && isOne(value, values[index - 1]!)).length;
}

/** The functions of one window, by their PromQL name. */
export const windowFunctions: Readonly<Record<string, WindowFunction>> = {
  rate: (input) => {
    const grown = growth(input, true);
    return grown === undefined ? undefined : grown / seconds(input.bounds);
  },
  increase: (input) => growth(input, true),
  delta: (input) => growth(input, false),
  irate: (input) => {
    const found = newest(input, true);
    return found && found.change / found.seconds;
  },
  idelta: (input) => newest(input, false)?.change,
  deriv: (input) => (input.times.length < 2 ? undefined : linearRegression(input, input.times[0]!).slope),
  predict_linear: (input) => {
    if (input.times.length < 2) return undefined;
    const { slope, intercept } = linearRegression(input, input.bounds.to);
    return intercept + slope * input.parameter;
  },
  changes: ({ values }) =>
    countOf(values, (value, before) => value !== before && !(Number.isNaN(value) && Number.isNaN(before))),
  resets: ({ values }) => countOf(values, (value, before) => value < before),
  avg_over_time: ({ values }) => sum(values) / values.length,
  sum_over_time: ({ values }) => sum(values),
  min_over_time: ({ values }) =>
    values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  max_over_time: ({ values }) =>
    values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  count_over_time: ({ values }) => values.length,
  first_over_time: ({ values }) => values[0],
  last_over_time: ({ values }) => values.at(-1),
  present_over_time: () => 1,
  stddev_over_time: ({ values }) => Math.sqrt(variance(values)),
  stdvar_over_time: ({ values }) => variance(values),
  quantile_over_time: ({ values, parameter }) => quantile(parameter, values),
};

/** Keeps the metric's name, since the result is one of its samples. */
export const keepsName: ReadonlySet<string> = new Set(['first_over_time', 'last_over_time']);
