import { describe, expect, test } from 'vitest';
import { stale } from '../series.ts';
import { SeriesStore } from '../series-store.ts';
import { Evaluation } from './evaluate.ts';
import { parsePromql } from './parse.ts';

const minute = 60_000;
/** Ten minutes after the epoch of the samples. */
const now = 10 * minute;

/** Samples each minute from 0, as in Prometheus' own promqltest: `load 1m`. */
function loaded(series: Readonly<Record<string, readonly (number | undefined)[]>>): SeriesStore {
  const store = new SeriesStore();
  for (const [selector, values] of Object.entries(series)) {
    const expression = parsePromql(selector);
    if (expression.kind !== 'selector') throw new Error(selector);
    const labels = Object.fromEntries(expression.matchers.map(({ name, value }) => [name, value]));
    values.forEach((value, index) => {
      if (value !== undefined) store.append(labels, index * minute, value);
    });
  }
  return store;
}

const count = (from: number, step: number, times = 10) =>
  Array.from({ length: times + 1 }, (_, index) => from + step * index);

const store = loaded({
  'requests{app="a",code="200"}': count(0, 60),
  'requests{app="a",code="500"}': count(0, 6),
  'requests{app="b",code="200"}': count(0, 120),
  'resetting{}': [0, 50, 100, 0, 50, 100, 0, 50, 100, 0, 50],
  'gauge{app="a"}': count(10, -1),
  'gauge{app="b"}': count(5, 0),
  'limit{app="a",owner="x"}': count(7, 0),
  'bucket{le="0.1"}': count(0, 50),
  'bucket{le="0.5"}': count(0, 90),
  'bucket{le="+Inf"}': count(0, 100),
  'gone{}': [1, 2, stale],
  'old{}': [1],
});

function ask(query: string, time = now): unknown {
  const value = new Evaluation(store, { start: time, end: time, step: 0 }).at(parsePromql(query), time);
  if (value.kind !== 'vector') return value.value;
  const entries = value.points.map(({ labels, value: number }) => [
    Object.entries(labels)
      .sort()
      .map(([name, text]) => `${name}=${text}`)
      .join(','),
    Math.round(number * 1e6) / 1e6,
  ]);
  return Object.fromEntries(entries);
}

describe('selectors', () => {
  test.each([
    ['gauge', { '__name__=gauge,app=a': 0, '__name__=gauge,app=b': 5 }],
    ['gauge{app!="a"}', { '__name__=gauge,app=b': 5 }],
    ['{__name__=~"ga.*",app=~"a|c"}', { '__name__=gauge,app=a': 0 }],
    ['gauge{app!~"a|c"}', { '__name__=gauge,app=b': 5 }],
    ['gauge{app="a"} offset 3m', { '__name__=gauge,app=a': 3 }],
    ['gauge{app="a"} @ 120', { '__name__=gauge,app=a': 8 }],
    ['gauge{app="a"} @ end()', { '__name__=gauge,app=a': 0 }],
    ['gone', {}],
    ['old', {}],
  ])('%s', (query, expected) => expect(ask(query)).toEqual(expected));

  test('a sample is found for five minutes', () => {
    expect(ask('old', 5 * minute - 1)).toEqual({ '__name__=old': 1 });
    expect(ask('old', 5 * minute)).toEqual({});
  });
});

describe('windows', () => {
  test.each([
    ['rate(requests{app="b"}[5m])', { 'app=b,code=200': 2 }],
    ['increase(requests{app="a",code="200"}[5m])', { 'app=a,code=200': 300 }],
    ['irate(requests{app="b"}[5m])', { 'app=b,code=200': 2 }],
    ['resets(resetting[10m])', { '': 3 }],
    ['increase(resetting[10m])', { '': 333.333333 }],
    ['delta(gauge{app="a"}[4m])', { 'app=a': -4 }],
    ['deriv(gauge{app="a"}[4m]) * 60', { 'app=a': -1 }],
    ['predict_linear(gauge{app="a"}[4m], 120)', { 'app=a': -2 }],
    ['avg_over_time(gauge{app="a"}[3m])', { 'app=a': 1 }],
    ['max_over_time(gauge{app="a"}[3m])', { 'app=a': 2 }],
    ['min_over_time(gauge{app="a"}[3m])', { 'app=a': 0 }],
    ['sum_over_time(gauge{app="a"}[3m])', { 'app=a': 3 }],
    ['count_over_time(gauge{app="a"}[3m])', { 'app=a': 3 }],
    ['last_over_time(gauge{app="a"}[3m])', { '__name__=gauge,app=a': 0 }],
    ['quantile_over_time(0.5, gauge{app="a"}[3m])', { 'app=a': 1 }],
    ['changes(gauge{app="a"}[5m])', { 'app=a': 4 }],
    ['max_over_time(rate(requests{app="b"}[2m])[5m:1m])', { 'app=b,code=200': 2 }],
    ['absent_over_time(nothing{app="z"}[5m])', { 'app=z': 1 }],
  ])('%s', (query, expected) => expect(ask(query)).toEqual(expected));
});

describe('aggregation and operators', () => {
  test.each([
    ['sum(rate(requests[5m])) by (app)', { 'app=a': 1.1, 'app=b': 2 }],
    ['sum by (code) (rate(requests[5m]))', { 'code=200': 3, 'code=500': 0.1 }],
    ['sum without (code) (rate(requests[5m]))', { 'app=a': 1.1, 'app=b': 2 }],
    ['avg(gauge)', { '': 2.5 }],
    ['count(gauge)', { '': 2 }],
    ['topk(1, gauge)', { '__name__=gauge,app=b': 5 }],
    ['bottomk(1, gauge)', { '__name__=gauge,app=a': 0 }],
    ['quantile(0.5, gauge)', { '': 2.5 }],
    ['count_values("v", gauge)', { 'v=0': 1, 'v=5': 1 }],
    ['1 + 2 * 3 ^ 2', 19],
    ['-gauge{app="b"}', { 'app=b': -5 }],
    ['gauge > 1', { '__name__=gauge,app=b': 5 }],
    ['gauge > bool 1', { 'app=a': 0, 'app=b': 1 }],
    ['10 - gauge', { 'app=a': 10, 'app=b': 5 }],
    ['gauge + on (app) limit', { 'app=a': 7 }],
    ['gauge * on (app) group_left (owner) limit', { 'app=a,owner=x': 0 }],
    ['gauge and on (app) limit', { '__name__=gauge,app=a': 0 }],
    ['gauge unless on (app) limit', { '__name__=gauge,app=b': 5 }],
    [
      'limit or gauge',
      { '__name__=limit,app=a,owner=x': 7, '__name__=gauge,app=a': 0, '__name__=gauge,app=b': 5 },
    ],
    [
      'sum(rate(requests{code=~"5.."}[5m])) by (app) / sum(rate(requests[5m])) by (app)',
      { 'app=a': 0.090909 },
    ],
    ['1 / 0', Number.POSITIVE_INFINITY],
    ['5 > bool 3', 1],
  ])('%s', (query, expected) => expect(ask(query)).toEqual(expected));
});

describe('functions', () => {
  test.each([
    ['histogram_quantile(0.5, rate(bucket[5m]))', { '': 0.1 }],
    ['histogram_quantile(0.7, sum(rate(bucket[5m])) by (le))', { '': 0.3 }],
    ['histogram_quantile(0.99, rate(bucket[5m]))', { '': 0.5 }],
    ['label_replace(limit, "team", "$1-y", "owner", "(.*)")', { '__name__=limit,app=a,owner=x,team=x-y': 7 }],
    ['label_join(limit, "id", "/", "app", "owner")', { '__name__=limit,app=a,id=a/x,owner=x': 7 }],
    ['absent(nothing{app="z"})', { 'app=z': 1 }],
    ['absent(gauge)', {}],
    ['scalar(limit)', 7],
    ['vector(3)', { '': 3 }],
    ['time()', 600],
    ['clamp_max(gauge, 3)', { 'app=a': 0, 'app=b': 3 }],
    ['round(gauge{app="b"} / 2)', { 'app=b': 3 }],
    ['timestamp(gauge{app="a"})', { 'app=a': 600 }],
    ['hour()', { '': 0 }],
  ])('%s', (query, expected) => expect(ask(query)).toEqual(expected));
});

describe('what cannot be', () => {
  test.each([
    ['sum(', 'parse error'],
    ['gauge[', 'parse error'],
    ['{app=""}', 'at least one matcher'],
    ['gauge{app=~"("}', 'no regular expression'],
    ['gauge[5m]', 'range vector'],
    ['rate(gauge)', 'expects a range vector'],
    ['holt_winters(gauge[5m], 1, 2)', ''],
    ['info(gauge)', 'info is not supported'],
    ['gauge + on () limit', ''],
    ['requests * on (app) limit', 'group_left'],
    ['1 > 2', 'bool'],
    ['"a" + 1', 'not defined for strings'],
    ['gauge anchored', 'not supported'],
  ])('%s', (query, message) => expect(() => ask(query)).toThrow(message));

  test('a query that would read too much ends with an error', () => {
    expect(() => ask(`sum_over_time(${'gauge'}[10m:1ms])`)).toThrow(/11,000 steps/);
    const nested = 'max_over_time(max_over_time(vector(1)[10000s:1s])[10000s:1s])';
    expect(() => ask(nested)).toThrow(/steps of subqueries/);
  });
});
