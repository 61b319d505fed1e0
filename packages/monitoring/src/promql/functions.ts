import { invalid } from '@tagboat/base';
import { compileMatchers, type Labels } from '../series.ts';
import type { Expression } from './expression.ts';
import { bucketQuantile } from './statistics.ts';
import { groupBy, type Point, scalar, type Value, vector, without, withoutName } from './value.ts';

export interface Call {
  readonly name: string;
  readonly args: readonly Value[];
  readonly expressions: readonly Expression[];
  /** Milliseconds since the epoch. */
  readonly time: number;
}

const mapped: Readonly<Record<string, (value: number, parameters: readonly number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sqrt: Math.sqrt,
  sgn: Math.sign,
  round: (value, [nearest = 1]) => Math.floor(value / nearest + 0.5) * nearest,
  clamp: (value, [least = 0, most = 0]) => Math.max(least, Math.min(most, value)),
  clamp_min: (value, [least = 0]) => Math.max(least, value),
  clamp_max: (value, [most = 0]) => Math.min(most, value),
};

/** Parts of a time in UTC, from seconds since the epoch. */
const dateParts: Readonly<Record<string, (date: Date) => number>> = {
  minute: (date) => date.getUTCMinutes(),
  hour: (date) => date.getUTCHours(),
  day_of_week: (date) => date.getUTCDay(),
  day_of_month: (date) => date.getUTCDate(),
  month: (date) => date.getUTCMonth() + 1,
  year: (date) => date.getUTCFullYear(),
};

/** Functions of values at one moment (those of windows are apart). @throws `Invalid` for one that is not known */
export function callFunction(call: Call): Value {
  const { name, args, time } = call;
  const map = mapped[name];
  if (map) {
    const parameters = args.slice(1).map((_, index) => scalarArgument(call, index + 1));
    return eachPoint(call, (value) => map(value, parameters));
  }
  const part = dateParts[name];
  if (part) {
    if (args.length === 0) return vector([{ labels: {}, value: part(new Date(time)) }]);
    return eachPoint(call, (value) => part(new Date(value * 1000)));
  }
  const special = specials[name];
  if (!special) throw invalid(`the function ${name} is not supported here`);
  return special(call);
}

const specials: Readonly<Record<string, (call: Call) => Value>> = {
  time: ({ time }) => scalar(time / 1000),
  pi: () => scalar(Math.PI),
  vector: (call) => vector([{ labels: {}, value: scalarArgument(call, 0) }]),
  scalar: (call) => {
    const points = vectorArgument(call, 0);
    return scalar(points.length === 1 ? points[0]!.value : Number.NaN);
  },
  timestamp: (call) =>
    vector(
      vectorArgument(call, 0).map(({ labels, time }) => ({
        labels: withoutName(labels),
        value: (time ?? call.time) / 1000,
      })),
    ),
  sort: (call) => vector([...vectorArgument(call, 0)].sort((a, b) => a.value - b.value)),
  sort_desc: (call) => vector([...vectorArgument(call, 0)].sort((a, b) => b.value - a.value)),
  absent: (call) =>
    vector(
      vectorArgument(call, 0).length > 0 ? [] : [{ labels: equalLabels(call.expressions[0]), value: 1 }],
    ),
  histogram_quantile: histogramQuantile,
  label_replace: labelReplace,
  label_join: labelJoin,
};

function eachPoint(call: Call, change: (value: number) => number): Value {
  return vector(
    vectorArgument(call, 0).map(({ labels, value }) => ({
      labels: withoutName(labels),
      value: change(value),
    })),
  );
}

export function vectorArgument({ name, args }: Call, index: number): readonly Point[] {
  const value = args[index];
  if (value?.kind !== 'vector')
    throw invalid(
      `${name} expects an instant vector as argument ${index + 1}, found ${value?.kind ?? 'nothing'}`,
    );
  return value.points;
}

function scalarArgument({ name, args }: Call, index: number): number {
  const value = args[index];
  if (value?.kind !== 'scalar')
    throw invalid(`${name} expects a scalar as argument ${index + 1}, found ${value?.kind ?? 'nothing'}`);
  return value.value;
}

function stringArgument({ name, args }: Call, index: number): string {
  const value = args[index];
  if (value?.kind !== 'string')
    throw invalid(`${name} expects a string as argument ${index + 1}, found ${value?.kind ?? 'nothing'}`);
  return value.value;
}

function equalLabels(expression: Expression | undefined): Labels {
  if (expression?.kind !== 'selector') return {};
  const equal = expression.matchers.filter(({ operator, name }) => operator === '=' && name !== '__name__');
  return Object.fromEntries(equal.map(({ name, value }) => [name, value]));
}

function histogramQuantile(call: Call): Value {
  const q = scalarArgument(call, 0);
  const buckets = vectorArgument(call, 1).filter(({ labels }) => labels.le !== undefined);
  const groups = groupBy(buckets, (labels) => without(labels, ['le']));
  return vector(
    [...groups.values()].map(({ labels, points }) => ({
      labels,
      value: bucketQuantile(
        q,
        points.map(({ labels: own, value }) => ({ limit: limitOf(own.le!), count: value })),
      ),
    })),
  );
}

const limitOf = (text: string) => (text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text));

function labelReplace(call: Call): Value {
  const [target, replacement, source, pattern] = [1, 2, 3, 4].map((index) => stringArgument(call, index));
  compileMatchers([{ name: source!, operator: '=~', value: pattern! }]);
  const form = new RegExp(`^(?:${pattern})$`, 's');
  return vector(
    vectorArgument(call, 0).map((point) => {
      const match = form.exec(point.labels[source!] ?? '');
      if (!match) return point;
      const value = replacement!.replace(/\$(?:(\d+)|\{(\w+)\}|(\w+))/g, (_all, digits, braced, named) => {
        const name = (digits ?? braced ?? named) as string;
        return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? '';
      });
      return { ...point, labels: withLabel(point.labels, target!, value) };
    }),
  );
}

function labelJoin(call: Call): Value {
  const [target, separator] = [stringArgument(call, 1), stringArgument(call, 2)];
  const sources = call.args.slice(3).map((_, index) => stringArgument(call, index + 3));
  return vector(
    vectorArgument(call, 0).map((point) => {
      const value = sources.map((name) => point.labels[name] ?? '').join(separator);
      return { ...point, labels: withLabel(point.labels, target, value) };
    }),
  );
}

function withLabel(labels: Labels, name: string, value: string): Labels {
  const { [name]: _old, ...rest } = labels;
  return value === '' ? rest : { ...rest, [name]: value };
}
