import type { Matcher } from '../series.ts';

export interface Shift {
  /** Milliseconds into the past. */
  readonly offset: number;
  /** Milliseconds since the epoch, or an end of the query's range. */
  readonly at?: number | 'start' | 'end';
}

export interface Matching {
  readonly on: boolean;
  readonly labels: readonly string[];
  readonly group?: 'left' | 'right';
  readonly include: readonly string[];
}

export interface Selector extends Shift {
  readonly kind: 'selector';
  readonly matchers: readonly Matcher[];
}

/** Samples over a window of time. */
export interface Range {
  readonly kind: 'range';
  readonly selector: Selector;
  readonly window: number;
}

export interface Subquery extends Shift {
  readonly kind: 'subquery';
  readonly expression: Expression;
  readonly window: number;
  readonly step?: number;
}

export interface Aggregate {
  readonly kind: 'aggregate';
  readonly operator: string;
  readonly without: boolean;
  readonly labels: readonly string[];
  readonly parameter?: Expression;
  readonly expression: Expression;
}

export interface Binary {
  readonly kind: 'binary';
  readonly operator: string;
  readonly bool: boolean;
  readonly matching: Matching;
  readonly left: Expression;
  readonly right: Expression;
}

/** A PromQL expression (Prometheus documentation, "Querying basics"). */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | Selector
  | Range
  | Subquery
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | Aggregate
  | { readonly kind: 'negate'; readonly expression: Expression }
  | Binary;
