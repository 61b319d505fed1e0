import { setImmediate as nextTurn } from 'node:timers/promises';
import { invalid } from '@tagboat/base';
import { type Labels, labelsKey } from '../series.ts';
import type { SeriesStore } from '../series-store.ts';
import { Evaluation, type QueryRange } from './evaluate.ts';
import type { Expression } from './expression.ts';
import { parsePromql } from './parse.ts';
import type { Point, Value } from './value.ts';

/** One series of a matrix as Prometheus' HTTP API tells it: values are [seconds, number as text]. */
export interface MatrixSeries {
  readonly metric: Labels;
  readonly values: [number, string][];
}

/** Asks an expression at every step of a range, in milliseconds. @throws `Invalid`, `TooLarge` */
export async function queryRange(
  store: SeriesStore,
  query: string,
  range: QueryRange,
): Promise<MatrixSeries[]> {
  return evaluateRange(store, parsePromql(query), range);
}

/** Samples read between two turns of the event loop: whatever else this process serves waits some milliseconds at most. */
const samplesPerTurn = 25_000;

/** `queryRange` of an expression that was read before. Series are sorted by their labels. */
export async function evaluateRange(
  store: SeriesStore,
  expression: Expression,
  range: QueryRange,
): Promise<MatrixSeries[]> {
  const evaluation = new Evaluation(store, range);
  const found = new Map<string, MatrixSeries>();
  let turn = samplesPerTurn;
  for (let time = range.start; time <= range.end; time += range.step) {
    if (evaluation.work > turn) {
      turn = evaluation.work + samplesPerTurn;
      await nextTurn();
    }
    for (const point of pointsOf(evaluation.at(expression, time))) {
      const key = labelsKey(point.labels);
      const series = found.get(key) ?? { metric: point.labels, values: [] };
      series.values.push([time / 1000, textOf(point.value)]);
      found.set(key, series);
    }
  }
  const keys = [...found.keys()].sort();
  return keys.map((key) => found.get(key)!);
}

function pointsOf(value: Value): readonly Point[] {
  if (value.kind === 'string') throw invalid('a query over a range cannot be a string');
  return value.kind === 'scalar' ? [{ labels: {}, value: value.value }] : value.points;
}

/** A number as Prometheus writes it. */
export function textOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
