import {
  type Experiment,
  findCondition,
  keyOf,
  kinds,
  type PipelineRun,
  type ResourceKey,
} from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { runAnnotations, runLabels } from '@tagboat/render';
import { createIfAbsent, type ResourceStore } from '@tagboat/store';
import { lookAfterRelease } from './released.ts';

/** Records each finished training or evaluation as an Experiment, which outlives its run. */
export function experimentController(options: {
  store: ResourceStore;
  clock: Clock;
  log: Logger;
}): Controller {
  return new Controller({
    name: 'experiment',
    reader: options.store,
    type: kinds.PipelineRun,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => record(options.store, key) },
  });
}

async function record(store: ResourceStore, key: ResourceKey): Promise<undefined> {
  const run = await store.get<PipelineRun>(key);
  const kind = run?.metadata.labels?.[runLabels.kind] ?? '';
  if (run?.status?.completionTime) await lookAfterRelease(store, run);
  if (!run?.status?.completionTime || !['release', 'candidate', 'pull'].includes(kind)) return undefined;
  const experiment = await experimentOf(store, run);
  if (experiment) await createIfAbsent(store, keyOf(kinds.Experiment, experiment), experiment);
  return undefined;
}

async function experimentOf(store: ResourceStore, run: PipelineRun): Promise<Experiment | undefined> {
  const { name, namespace = '', labels = {}, annotations = {} } = run.metadata;
  const model = labels[runLabels.model];
  if (!model) return undefined;
  const results = await taskResults(store, run);
  if (!results['train-model-digest']) return undefined;
  const succeeded = findCondition(run.status?.conditions, 'Succeeded');
  const optional = (value: string | undefined) => value || undefined;
  return {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Experiment',
    metadata: { name, namespace, labels: { [runLabels.model]: model } },
    spec: JSON.parse(
      JSON.stringify({
        model,
        pipelineRun: name,
        repository: labels[runLabels.repository] ?? '',
        commit: annotations[runAnnotations.commit] ?? '',
        tag: annotations[runAnnotations.tag],
        parameters: object(results['train-parameters']),
        metrics: object(results['evaluate-metrics']),
        data: object(results['train-data']),
        modelDigest: optional(results['train-model-digest']),
        imageDigest: optional(results['build-image-digest']),
        notebook: optional(results['train-notebook']),
        reused: results['train-reused'] === 'true',
        verdict:
          optional(results['evaluate-verdict']) ??
          (succeeded?.status === 'True' ? undefined : (succeeded?.message ?? 'failed')),
      }),
    ) as Experiment['spec'],
  };
}

/** `<task>-<result>` of every task that ended, whether or not the run succeeded. */
async function taskResults(store: ResourceStore, run: PipelineRun): Promise<Record<string, string>> {
  const { items } = await store.list(kinds.TaskRun, {
    namespace: run.metadata.namespace ?? '',
    labels: [{ key: 'tekton.dev/pipelineRun', operator: 'In', values: [run.metadata.name] }],
  });
  const found: Record<string, string> = {};
  for (const task of items) {
    const status = task.status as { results?: { name: string; value: unknown }[] } | undefined;
    for (const { name, value } of status?.results ?? [])
      found[`${task.metadata.labels?.['tekton.dev/pipelineTask']}-${name}`] = String(value);
  }
  return found;
}

function object(text: string | undefined): Record<string, never> {
  try {
    return JSON.parse(text || '{}') as Record<string, never>;
  } catch {
    return {};
  }
}
