import type { DriftReport, EnvironmentDrift } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { fetchJson, withQuery } from '../../data/client.ts';
import type { MatrixSeries, TrafficData } from './use-traffic.ts';

export interface DriftData {
  readonly report: DriftReport;
  readonly environment: EnvironmentDrift | undefined;
  /** The figures of the furthest features over time. */
  readonly scores: readonly MatrixSeries[];
  readonly span: TrafficData['span'];
}

/** Lines that a chart can hold apart. */
export const mostLines = 4;

interface DriftOf {
  readonly project: string;
  readonly model: string;
  readonly namespace: string;
  /** What the model's condition says: with another one there is more to see. */
  readonly said: string | undefined;
}

/** What was found of a service's inputs; in the turn of its traffic, so that it follows its requests. */
export function useDrift({ project, model, namespace, said }: DriftOf) {
  return useQuery<DriftData, TagboatError>({
    queryKey: ['traffic', namespace, model, 'drift', said],
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const report = await fetchJson<DriftReport>(`/tagboat/drift/${project}/${model}`);
      const environment = report.environments.find((one) => one.namespace === namespace);
      const day = await scoresOf(namespace, model, { hours: 24, step: 300 });
      const young = day.result.every(({ values }) => values[0]![0] > day.span.to - 3600);
      const { result, span } = young ? await scoresOf(namespace, model, { hours: 1, step: 15 }) : day;
      const furthest = (environment?.features ?? []).slice(0, mostLines).map(({ name }) => name);
      const scores = furthest.flatMap((name) => result.find(({ metric }) => metric.feature === name) ?? []);
      return { report, environment, scores, span };
    },
  });
}

/** The figures of every feature over a span that ends now. */
async function scoresOf(namespace: string, model: string, { hours, step }: { hours: number; step: number }) {
  const to = Math.floor(Date.now() / 1000 / step) * step;
  const span = { from: to - hours * 3600, to, step };
  const query = `max by (feature) (tagboat_model_input_drift{namespace="${namespace}",name="${model}"})`;
  const range = { query, start: String(span.from), end: String(span.to), step: String(step) };
  const { data } = await fetchJson<{ data: { result: MatrixSeries[] } }>(
    withQuery('/prometheus/api/v1/query_range', range),
  );
  return { result: data.result, span };
}
