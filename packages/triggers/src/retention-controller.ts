import { keyOf, kinds, type PipelineRun, type ResourceKey } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { runAnnotations, runLabels } from '@tagboat/render';
import { deleteIfPresent, type ResourceStore } from '@tagboat/store';
import { annotationNames } from './tekton/matching.ts';

/** Keeps of each run that says `max-keep-runs` the newest finished ones; what they came to outlives them elsewhere. */
export function retentionController(options: {
  store: ResourceStore;
  clock: Clock;
  log: Logger;
}): Controller {
  return new Controller({
    name: 'run-retention',
    reader: options.store,
    type: kinds.PipelineRun,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => prune(options.store, key) },
  });
}

async function prune(store: ResourceStore, key: ResourceKey): Promise<undefined> {
  const run = await store.get<PipelineRun>(key);
  const { annotations = {}, labels = {} } = run?.metadata ?? {};
  const keep = annotations[annotationNames.keep];
  const repository = labels[runLabels.repository];
  if (!run?.status?.completionTime || !repository || !keep || !/^[1-9]\d{0,5}$/.test(keep)) return undefined;
  const { items } = await store.list<PipelineRun>(kinds.PipelineRun, {
    namespace: key.namespace,
    labels: [{ key: runLabels.repository, operator: 'In', values: [repository] }],
  });
  const same = items
    .filter(
      ({ metadata }) => metadata.annotations?.[runAnnotations.name] === annotations[runAnnotations.name],
    )
    .filter(({ status }) => status?.completionTime)
    .sort((a, b) => order(b).localeCompare(order(a)));
  for (const old of same.slice(Number(keep))) await deleteIfPresent(store, keyOf(kinds.PipelineRun, old));
  return undefined;
}

const order = ({ metadata, status }: PipelineRun) =>
  `${metadata.creationTimestamp} ${status?.completionTime} ${metadata.name}`;
