import { keyOf, kinds, type PipelineRun } from '@tagboat/api';
import { runAnnotations, runLabels, stateOfRun } from '@tagboat/render';
import { mutate, type ResourceStore } from '@tagboat/store';
import type { Command } from './commands.ts';

/** The runs of one repository at one ref and commit. */
export async function runsAt(
  store: ResourceStore,
  at: { namespace: string; repository: string; ref: string; commit: string },
): Promise<PipelineRun[]> {
  const { items } = await store.list<PipelineRun>(kinds.PipelineRun, {
    namespace: at.namespace,
    labels: [
      { key: runLabels.repository, operator: 'In', values: [at.repository] },
      { key: runLabels.commit, operator: 'In', values: [at.commit.slice(0, 40)] },
    ],
  });
  return items.filter(({ metadata }) => metadata.annotations?.[runAnnotations.ref] === at.ref);
}

/** Whether a command wants this run, given those there are: `/retest` leaves alone what passed or still runs. */
export function isWanted(
  command: Command | undefined,
  run: PipelineRun,
  before: readonly PipelineRun[],
): boolean {
  if (command?.kind !== 'retest' || command.name !== undefined) return true;
  const name = run.metadata.annotations?.[runAnnotations.name];
  const states = before
    .filter(({ metadata }) => metadata.annotations?.[runAnnotations.name] === name)
    .filter(({ metadata }) => metadata.name !== run.metadata.name)
    .map(stateOfRun);
  return !states.some((state) => state === 'succeeded' || state === 'running' || state === 'pending');
}

/** Ends the runs that have not ended, or those of one name; their `finally` tasks still run. */
export async function cancelRuns(
  store: ResourceStore,
  runs: readonly PipelineRun[],
  name: string | undefined,
): Promise<string[]> {
  const cancelled: string[] = [];
  for (const run of runs) {
    if (run.status?.completionTime) continue;
    if (name !== undefined && run.metadata.annotations?.[runAnnotations.name] !== name) continue;
    cancelled.push(run.metadata.name);
    await mutate<PipelineRun>(store, keyOf(kinds.PipelineRun, run), (draft) => {
      if (draft.spec?.status === 'CancelledRunFinally' || draft.spec?.status === 'Cancelled') return false;
      draft.spec = { ...draft.spec, status: 'CancelledRunFinally' };
      return undefined;
    });
  }
  return cancelled;
}
