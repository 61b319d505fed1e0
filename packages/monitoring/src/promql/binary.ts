import { invalid } from '@tagboat/base';
import { type Labels, labelsKey } from '../series.ts';
import type { Binary, Matching } from './expression.ts';
import { only, type Point, scalar, type Value, vector, without, withoutName } from './value.ts';

const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': (a, b) => a ** b,
  atan2: Math.atan2,
};

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

type Operation = Pick<Binary, 'operator' | 'bool' | 'matching'>;

/** Applies an operator to two values (Prometheus documentation, "Operators"). @throws `Invalid` */
export function applyBinary(operation: Operation, left: Value, right: Value): Value {
  if (left.kind === 'string' || right.kind === 'string')
    throw invalid(`${operation.operator} is not defined for strings`);
  if (['and', 'or', 'unless'].includes(operation.operator)) return setOperation(operation, left, right);
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    if (operation.operator in comparisons && !operation.bool)
      throw invalid('comparisons between scalars must use the bool modifier');
    return scalar(compute(operation, left.value, right.value) ?? 0);
  }
  if (left.kind === 'vector' && right.kind === 'vector') return matched(operation, left.points, right.points);
  const points = left.kind === 'vector' ? left.points : (right as { points: readonly Point[] }).points;
  return vector(
    points.flatMap((point) => {
      const a = left.kind === 'scalar' ? left.value : point.value;
      const b = right.kind === 'scalar' ? right.value : point.value;
      return resulting(operation, {
        labels: point.labels,
        kept: point.value,
        value: compute(operation, a, b),
      });
    }),
  );
}

/** @returns undefined where a comparison without `bool` does not hold */
function compute({ operator, bool }: Operation, a: number, b: number): number | undefined {
  const compare = comparisons[operator];
  if (compare) return compare(a, b) ? (bool ? 1 : a) : bool ? 0 : undefined;
  const calculate = arithmetic[operator];
  if (!calculate) throw invalid(`the operator ${operator} is not supported here`);
  return calculate(a, b);
}

function resulting(
  { operator, bool }: Operation,
  { labels, kept, value }: { labels: Labels; kept: number; value: number | undefined },
): Point[] {
  if (value === undefined) return [];
  const filters = operator in comparisons && !bool;
  return [{ labels: filters ? labels : withoutName(labels), value: filters ? kept : value }];
}

const keyBy =
  ({ on, labels }: Matching) =>
  (of: Labels) =>
    labelsKey(on ? only(of, labels) : without(of, labels));

function setOperation({ operator, matching }: Operation, left: Value, right: Value): Value {
  if (left.kind !== 'vector' || right.kind !== 'vector')
    throw invalid(`${operator} expects a vector on both sides`);
  const key = keyBy(matching);
  const keys = (points: readonly Point[]) => new Set(points.map(({ labels }) => key(labels)));
  if (operator === 'or') {
    const known = keys(left.points);
    return vector([...left.points, ...right.points.filter(({ labels }) => !known.has(key(labels)))]);
  }
  const others = keys(right.points);
  return vector(left.points.filter(({ labels }) => others.has(key(labels)) === (operator === 'and')));
}

function matched(operation: Operation, left: readonly Point[], right: readonly Point[]): Value {
  const { matching } = operation;
  const key = keyBy(matching);
  const [many, one] = matching.group === 'right' ? [right, left] : [left, right];
  const ones = new Map<string, Point>();
  for (const point of one) {
    if (ones.has(key(point.labels))) throw invalid(manySided(matching));
    ones.set(key(point.labels), point);
  }
  const used = new Set<string>();
  const points = many.flatMap((point) => {
    const id = key(point.labels);
    const partner = ones.get(id);
    if (!partner) return [];
    if (!matching.group && used.has(id)) throw invalid(manySided(matching));
    used.add(id);
    const [a, b] = matching.group === 'right' ? [partner, point] : [point, partner];
    const labels = resultLabels(operation, point.labels, partner.labels);
    return resulting(operation, { labels, kept: a.value, value: compute(operation, a.value, b.value) });
  });
  return vector(points);
}

function resultLabels({ matching, operator, bool }: Operation, many: Labels, one: Labels): Labels {
  if (matching.group) {
    const copied = Object.fromEntries(matching.include.map((name) => [name, one[name] ?? '']));
    return Object.fromEntries(Object.entries({ ...many, ...copied }).filter(([, value]) => value !== ''));
  }
  if (operator in comparisons && !bool) return many;
  return matching.on ? only(many, matching.labels) : without(many, matching.labels);
}

const manySided = ({ group }: Matching) =>
  `several series match on ${group ? 'the "one" side' : 'one side'}: many-to-one matching must be asked for with group_left or group_right`;
