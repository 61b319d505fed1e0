import {
  type Condition,
  failureText,
  findCondition,
  type KubernetesObject,
  kinds,
  type PipelineRun,
  type TaskRun,
} from '@tagboat/api';
import { type Client, until } from '@tagboat/client';
import { releaseAnnotations, runAnnotations, runLabels } from '@tagboat/render';

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
      metadata.annotations?.[runAnnotations.tag] === tag &&
      metadata.labels?.[runLabels.kind] === kind &&
      status?.completionTime !== undefined,
  );
}

/** The reason of a run's Succeeded condition. */
export const reasonOf = (run: PipelineRun) => findCondition(run.status?.conditions, 'Succeeded')?.reason;

/** What a run's tasks say of their failures. */
export async function failures(client: Client, run: PipelineRun): Promise<string> {
  const { items } = await client.list<TaskRun>(kinds.TaskRun, {
    namespace: run.metadata.namespace ?? '',
    labelSelector: `tekton.dev/pipelineRun=${run.metadata.name}`,
  });
  const messages = items.flatMap((task) => {
    const condition = findCondition(task.status?.conditions, 'Succeeded');
    return condition?.status === 'False' ? [failureText(task)] : [];
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
      metadata.annotations?.[releaseAnnotations.tag] === tag &&
      status?.observedGeneration === metadata.generation &&
      findCondition(status?.conditions, 'Ready')?.status === 'True',
  );
}
