import {
  type Condition,
  findCondition,
  type KubernetesObject,
  kinds,
  type PipelineRun,
  type ResourceType,
  type TaskRun,
} from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type { Client } from '@tagboat/client';

const patience = 120_000;

/** Watches until an object of the kind satisfies the condition. @throws `Timeout` telling what was awaited */
export async function until<T extends KubernetesObject>(
  client: Client,
  query: { type: ResourceType; namespace?: string; what: string; timeout?: number },
  satisfied: (object: T) => boolean,
): Promise<T> {
  const signal = AbortSignal.timeout(query.timeout ?? patience);
  const scope = query.namespace ? { namespace: query.namespace } : {};
  for (;;)
    try {
      for await (const { type, object } of client.watch<T>(query.type, { ...scope, signal }))
        if (type !== 'DELETED' && satisfied(object)) return object;
    } catch (error) {
      if (isReason(error, 'Expired')) continue;
      if (!signal.aborted) throw error;
      throw new TagboatError(`${query.what} did not happen in time`, { reason: 'Timeout', cause: error });
    }
}

/** The finished run of a tag. */
export function finishedRun(
  client: Client,
  project: string,
  tag: string,
  kind = 'release',
): Promise<PipelineRun> {
  return until<PipelineRun>(
    client,
    { type: kinds.PipelineRun, namespace: project, what: `the ${kind} run of ${tag}` },
    ({ metadata, status }) =>
      metadata.annotations?.['tagboat.dev/tag'] === tag &&
      metadata.labels?.['tagboat.dev/kind'] === kind &&
      status?.completionTime !== undefined,
  );
}

/** The reason of a run's Succeeded condition. */
export const reasonOf = (run: PipelineRun) => findCondition(run.status?.conditions, 'Succeeded')?.reason;

export const resultsOf = (run: PipelineRun): Record<string, string> =>
  Object.fromEntries((run.status?.results ?? []).map(({ name, value }) => [name, String(value)]));

/** What a run's tasks say of their failures. */
export async function failures(client: Client, run: PipelineRun): Promise<string> {
  const { items } = await client.list<TaskRun>(kinds.TaskRun, {
    namespace: run.metadata.namespace ?? '',
    labelSelector: `tekton.dev/pipelineRun=${run.metadata.name}`,
  });
  const messages = items.flatMap(({ status }) => {
    const condition = findCondition(status?.conditions, 'Succeeded');
    return condition?.status === 'False' ? [condition.message ?? ''] : [];
  });
  const own = findCondition(run.status?.conditions, 'Succeeded');
  return [...messages, own?.message ?? ''].join('\n');
}

type Service = KubernetesObject<unknown, { conditions?: Condition[]; observedGeneration?: number }>;

/** The InferenceService of a model, once the given tag serves. */
export function serving(
  client: Client,
  { namespace, model, tag }: { namespace: string; model: string; tag: string },
): Promise<Service> {
  return until<Service>(
    client,
    { type: kinds.InferenceService, namespace, what: `${namespace}/${model} at ${tag}` },
    ({ metadata, status }) =>
      metadata.name === model &&
      metadata.annotations?.['tagboat.dev/tag'] === tag &&
      status?.observedGeneration === metadata.generation &&
      findCondition(status?.conditions, 'Ready')?.status === 'True',
  );
}
