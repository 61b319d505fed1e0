import type { DriftReport } from '@tagboat/api';

/** Features with a series of their own per environment, the furthest; fewer where there are many environments. */
const mostFeatures = 20;
const mostSeries = 1000;

const quoted = (value: string) =>
  `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
const labelled = (labels: Readonly<Record<string, string>>) =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(',')}}`;

/** How inputs stand to their references, in Prometheus' text format; `name` is that of the InferenceService. */
export function driftMetrics(reports: readonly DriftReport[]): string {
  const scores: string[] = [];
  const thresholds: string[] = [];
  const inputs: string[] = [];
  const places = reports.reduce((sum, { environments }) => sum + environments.length, 0);
  const most = Math.max(1, Math.min(mostFeatures, Math.floor(mostSeries / Math.max(1, places))));
  for (const { model, method, threshold, environments } of reports)
    for (const { namespace, features, modelDigest, inputs: count, state } of environments) {
      const of = { namespace, name: model };
      const version = modelDigest.replace('sha256:', '').slice(0, 12);
      inputs.push(`tagboat_model_inputs${labelled({ ...of, version })} ${count}`);
      thresholds.push(`tagboat_model_input_drift_threshold${labelled({ ...of, method })} ${threshold}`);
      if (state === 'unknown') continue;
      for (const { name: feature, score } of features.slice(0, most))
        scores.push(`tagboat_model_input_drift${labelled({ ...of, version, feature, method })} ${score}`);
    }
  return [
    ...family('tagboat_model_input_drift', 'How far a feature is from its reference.', scores),
    ...family('tagboat_model_input_drift_threshold', 'From here on it counts as drift.', thresholds),
    ...family('tagboat_model_inputs', 'Inputs in the window that is compared.', inputs),
  ].join('');
}

const family = (name: string, help: string, lines: readonly string[]): string[] =>
  lines.length === 0
    ? []
    : [`# HELP ${name} ${help}\n# TYPE ${name} gauge\n`, ...lines.map((line) => `${line}\n`)];
