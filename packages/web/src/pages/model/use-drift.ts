import type { DriftReport, EnvironmentDrift } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import { useQuery } from '@tanstack/react-query';
import { fetchJson, withQuery } from '../../data/client.ts';
import type { MatrixSeries, TrafficData } from './use-traffic.ts';

export interface DriftData {
  readonly report: DriftReport;
  readonly environment: EnvironmentDrift | undefined;
  /** The figures of the furthest features over time. */
  readonly scores: readonly MatrixSeries[];
  readonly span: TrafficData['span'];
}

const hours = 24;
const step = 300;
/** Lines that a chart can hold apart. */
export const mostLines = 4;

/** What was found of a service's inputs; in the turn of its traffic, so that it follows its requests. */
export function useDrift(project: string, model: string, namespace: string) {
  return useQuery<DriftData, TagboatError>({
    queryKey: ['traffic', namespace, model, 'drift'],
    queryFn: async () => {
      const report = await fetchJson<DriftReport>(`/tagboat/drift/${project}/${model}`);
      const environment = report.environments.find((one) => one.namespace === namespace);
      const end = Math.floor(Date.now() / 1000 / 15) * 15;
      const span = { from: end - hours * 3600, to: end, step };
      const query = `max by (feature) (tagboat_model_input_drift{namespace="${namespace}",name="${model}"})`;
      const range = { query, start: String(span.from), end: String(span.to), step: String(step) };
      const answer = await fetchJson<{ data: { result: MatrixSeries[] } }>(
        withQuery('/prometheus/api/v1/query_range', range),
      );
      const furthest = (environment?.features ?? []).slice(0, mostLines).map(({ name }) => name);
      const scores = furthest.flatMap(
        (name) => answer.data.result.find(({ metric }) => metric.feature === name) ?? [],
      );
      return { report, environment, scores, span };
    },
  });
}
