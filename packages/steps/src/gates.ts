import { invalid } from '@tagboat/base';
import type { Gate } from '@tagboat/render';

export type Metrics = Readonly<Record<string, number | null>>;

/**
 * Reads a metrics file: a map of names to finite numbers; null for what does not apply.
 * Python's `NaN` and `Infinity` are read, so that the error can name the metric.
 * @throws `Invalid`
 */
export function readMetrics(text: string, file: string): Metrics {
  const value = parsed(text, file);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`expected a map of metric names to numbers in ${file}`);
  // Without a prototype: "constructor" is no metric that every evaluation gives.
  const metrics: Record<string, number | null> = Object.create(null);
  for (const [name, item] of Object.entries(value)) {
    if (typeof item === 'string' && item.startsWith('\0'))
      throw invalid(`the metric "${name}" is ${item.slice(1)} in ${file}`, {
        hint: 'every metric must be a finite number; write null for one that does not apply',
      });
    if (typeof item === 'boolean') metrics[name] = item ? 1 : 0;
    else if (item === null || (typeof item === 'number' && Number.isFinite(item))) metrics[name] = item;
    else
      throw invalid(
        `expected a number for the metric "${name}" in ${file}, found ${JSON.stringify(item)?.slice(0, 80)}`,
      );
  }
  return metrics;
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    try {
      return JSON.parse(text.replace(/(?<![\w"])(-?Infinity|NaN)(?![\w"])/g, '"\\u0000$1"'));
    } catch {
      throw invalid(`${file} is no JSON: ${(error as Error).message}`);
    }
  }
}

export interface Verdict {
  readonly passed: boolean;
  /** One line per gate, in words. */
  readonly lines: readonly string[];
}

const shown = (value: number) => String(Number(value.toPrecision(6)));

/** Holds metrics against their gates; `deployed`: the deployed model's, on the same data. */
export function judge(metrics: Metrics, gates: readonly Gate[], deployed: Metrics | undefined): Verdict {
  const results = gates.map((gate) => judgeGate(metrics, gate, deployed));
  return { passed: results.every(({ passed }) => passed), lines: results.map(({ line }) => line) };
}

function judgeGate(
  metrics: Metrics,
  gate: Gate,
  deployed: Metrics | undefined,
): { passed: boolean; line: string } {
  const { metric, min, max } = gate;
  const value = metrics[metric];
  if (value === undefined || value === null)
    return {
      passed: false,
      line: `FAILED ${metric}: the evaluation gave no such metric (it gave ${Object.keys(metrics).join(', ') || 'none'})`,
    };
  if (min !== undefined && value < min)
    return { passed: false, line: `FAILED ${metric}: ${shown(value)} is below the minimum ${shown(min)}` };
  if (max !== undefined && value > max)
    return { passed: false, line: `FAILED ${metric}: ${shown(value)} is above the maximum ${shown(max)}` };
  return compare(value, gate, deployed?.[metric]);
}

function compare(
  value: number,
  gate: Gate,
  before: number | null | undefined,
): { passed: boolean; line: string } {
  const { metric, notWorseThanDeployedBy: tolerance, direction = 'maximize' } = gate;
  if (tolerance === undefined) return { passed: true, line: `passed ${metric}: ${shown(value)}` };
  if (before === undefined || before === null)
    return { passed: true, line: `passed ${metric}: ${shown(value)} (there was nothing to compare with)` };
  const worse = direction === 'maximize' ? before - value : value - before;
  const text = `${metric}: ${shown(value)}, the deployed model ${shown(before)} on the same data`;
  return worse > tolerance
    ? { passed: false, line: `FAILED ${text}: worse by ${shown(worse)}, allowed ${shown(tolerance)}` }
    : { passed: true, line: `passed ${text}` };
}
