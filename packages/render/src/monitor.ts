import { parseDuration } from '@tagboat/base';
import type { DriftMethod, ModelSpec } from './model-spec.ts';

export const driftMethods = ['psi', 'jensenshannon'] as const satisfies readonly DriftMethod[];

/** The profile of a model's inputs, beside the model in its artifact and its image. */
export const referenceFileName = 'tagboat-reference.json';

/** The figures that are used where a `tagboat.yaml` gives none; of `psi` the customary one. */
const thresholds: Readonly<Record<DriftMethod, number>> = { psi: 0.2, jensenshannon: 0.1 };
const shortestWindow = 60_000;
const longestWindow = 7 * 24 * 3600_000;

type Raw = Readonly<Record<string, unknown>>;

const driftOf = (raw: Raw) => (raw.monitor as Raw | undefined)?.drift as Raw | undefined;

/** What cannot be meant by the keys about watching inputs, whose shape is right. */
export function monitorProblem(raw: Raw): { message: string; path: string[] } | undefined {
  const drift = driftOf(raw);
  const at = (key: string, expected: string) => ({
    message: `spec.monitor.drift.${key}: expected ${expected}, found ${String(drift![key])}`,
    path: ['monitor', 'drift', key],
  });
  if (!drift)
    return (raw.retrain as Raw | undefined)?.onDrift
      ? {
          message: 'spec.retrain.onDrift: expected monitor.drift, which says when inputs drift, found none',
          path: ['retrain', 'onDrift'],
        }
      : undefined;
  const { threshold, window, minSamples } = drift as {
    threshold?: number;
    window?: string;
    minSamples?: number;
  };
  if (threshold !== undefined && !(threshold > 0)) return at('threshold', 'more than 0');
  if (minSamples !== undefined && !(Number.isInteger(minSamples) && minSamples > 0))
    return at('minSamples', 'a whole number of at least 1');
  if (window === undefined) return undefined;
  const length = parseDuration(window);
  return length >= shortestWindow && length <= longestWindow ? undefined : at('window', `from 1m to 168h`);
}

/** `monitor` with every default filled in. */
export function monitorOf(raw: Raw): Pick<ModelSpec, 'monitor'> {
  const monitor = raw.monitor as Raw | undefined;
  if (!monitor) return {};
  const drift = driftOf(raw) as Partial<NonNullable<NonNullable<ModelSpec['monitor']>['drift']>> | undefined;
  const method = drift?.method ?? 'psi';
  return {
    monitor: {
      ...(monitor.reference ? { reference: monitor.reference as string } : {}),
      ...(drift
        ? { drift: { method, threshold: thresholds[method], window: '24h', minSamples: 200, ...drift } }
        : {}),
    },
  };
}
