import type { PipelineRun } from '@tagboat/api';
import { runAnnotations, runLabels } from './run-labels.ts';
import { stateOfRun } from './run-summary.ts';

/**
 * How many runs of the same repository start before each run that waits, by uid: by priority, then by age, which is the
 * order that the queue keeps within a repository. Runs that somebody holds back (`PipelineRunPending`) are not in it.
 */
export function queuePlaces(runs: readonly PipelineRun[]): ReadonlyMap<string, number> {
  const queues = new Map<string, PipelineRun[]>();
  for (const run of runs) {
    if (stateOfRun(run) !== 'pending' || run.status?.completionTime || run.spec?.status) continue;
    const { namespace = '', labels = {} } = run.metadata;
    const queue = `${namespace}/${labels[runLabels.repository] ?? ''}`;
    queues.set(queue, [...(queues.get(queue) ?? []), run]);
  }
  const places = new Map<string, number>();
  for (const queue of queues.values())
    for (const [place, { metadata }] of queue.sort(startsBefore).entries())
      places.set(metadata.uid ?? '', place);
  return places;
}

function startsBefore(a: PipelineRun, b: PipelineRun): number {
  const priority = ({ metadata }: PipelineRun) =>
    Number(metadata.annotations?.[runAnnotations.priority]) || 0;
  const created = ({ metadata }: PipelineRun) => metadata.creationTimestamp ?? '';
  return priority(b) - priority(a) || created(a).localeCompare(created(b));
}
