import { type Labels, labelsKey } from '../series.ts';

export interface Point {
  readonly labels: Labels;
  readonly value: number;
  /** Of the sample itself, where the point is one. Milliseconds. */
  readonly time?: number;
}

/** What an expression is at one moment. */
export type Value =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'vector'; readonly points: readonly Point[] };

export const scalar = (value: number): Value => ({ kind: 'scalar', value });
export const vector = (points: readonly Point[]): Value => ({ kind: 'vector', points });

/** Labels without the metric's name: what is computed is no longer that metric. */
export function withoutName(labels: Labels): Labels {
  const { __name__: _name, ...rest } = labels;
  return rest;
}

export function only(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(names.flatMap((name) => (labels[name] ? [[name, labels[name]!]] : [])));
}

export function without(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(([name]) => name !== '__name__' && !names.includes(name)),
  );
}

/** Points by a key of their labels. */
export function groupBy<T extends Point>(points: readonly T[], labelsOf: (labels: Labels) => Labels) {
  const groups = new Map<string, { labels: Labels; points: T[] }>();
  for (const point of points) {
    const labels = labelsOf(point.labels);
    const key = labelsKey(labels);
    const group = groups.get(key) ?? { labels, points: [] };
    group.points.push(point);
    groups.set(key, group);
  }
  return groups;
}
