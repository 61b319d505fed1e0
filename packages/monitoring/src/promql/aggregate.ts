import { invalid } from '@tagboat/base';
import { quantile, variance } from './statistics.ts';
import { groupBy, only, type Point, without } from './value.ts';

export interface Aggregation {
  readonly operator: string;
  readonly without: boolean;
  readonly labels: readonly string[];
  readonly parameter?: number | string | undefined;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const simple: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum,
  avg: (values) => sum(values) / values.length,
  count: (values) => values.length,
  group: () => 1,
  min: (values) => values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  max: (values) => values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  stddev: (values) => Math.sqrt(variance(values)),
  stdvar: variance,
};

/** Brings the points of each group together. @throws `Invalid` for an operator or a parameter that is not known */
export function aggregate(points: readonly Point[], how: Aggregation): Point[] {
  const labelsOf = (labels: Point['labels']) =>
    how.without ? without(labels, how.labels) : only(labels, how.labels);
  const groups = [...groupBy(points, labelsOf).values()];
  const combine = simple[how.operator];
  if (combine)
    return groups.map(({ labels, points: found }) => ({
      labels,
      value: combine(found.map(({ value }) => value)),
    }));
  switch (how.operator) {
    case 'quantile':
      return groups.map(({ labels, points: found }) => ({
        labels,
        value: quantile(
          numeric(how),
          found.map(({ value }) => value),
        ),
      }));
    case 'topk':
    case 'bottomk':
      return groups.flatMap(({ points: found }) => ranked(found, how).slice(0, Math.max(0, numeric(how))));
    case 'count_values':
      return groups.flatMap(({ labels, points: found }) => countValues(labels, found, how));
    default:
      throw invalid(`the aggregation ${how.operator} is not supported here`);
  }
}

function numeric({ operator, parameter }: Aggregation): number {
  if (typeof parameter !== 'number') throw invalid(`${operator} expects a number as its first argument`);
  return parameter;
}

function ranked(points: readonly Point[], { operator }: Aggregation): Point[] {
  const sign = operator === 'topk' ? -1 : 1;
  const last = (value: number) => (Number.isNaN(value) ? sign * Number.NEGATIVE_INFINITY : value);
  return [...points].sort((a, b) => sign * (last(a.value) - last(b.value)));
}

function countValues(labels: Point['labels'], points: readonly Point[], how: Aggregation): Point[] {
  if (typeof how.parameter !== 'string') throw invalid('count_values expects a label name in quotes first');
  const counts = new Map<string, number>();
  for (const { value } of points) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  return [...counts].map(([text, value]) => ({
    labels: { ...labels, [how.parameter as string]: text },
    value,
  }));
}
