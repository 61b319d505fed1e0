import {
  type Condition,
  findCondition,
  kinds,
  type PipelineRun,
  rerunOfAnnotation,
  type TaskRun,
  type TaskRunStatus,
} from '@tagboat/api';
import type { Reader } from '@tagboat/store';

/** On the status of a TaskRun that did not run: the TaskRun whose outcome it has. */
export const takenFromAnnotation = 'tagboat.dev/taken-from';

/**
 * The outcome of the same task in the run that this one repeats, where it succeeded there.
 * @returns what to record, or undefined where the task must run
 */
export async function takeFromEarlierRun(
  reader: Reader,
  taskRun: TaskRun,
): Promise<Partial<TaskRunStatus> | undefined> {
  const { namespace = '', labels = {} } = taskRun.metadata;
  const runName = labels['tekton.dev/pipelineRun'];
  if (!runName || labels['tekton.dev/memberOf'] === 'finally') return undefined;
  const run = await reader.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name: runName });
  const earlierName = run?.metadata.annotations?.[rerunOfAnnotation];
  if (!run || !earlierName) return undefined;
  const earlier = await reader.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name: earlierName });
  const source = await sameTask(reader, earlier, taskRun);
  const condition = findCondition(source?.status?.conditions, 'Succeeded');
  if (!source?.status || condition?.status !== 'True') return undefined;
  const { steps, results, artifacts, podName } = source.status;
  const taken: Condition = {
    ...condition,
    message: `Taken from TaskRun ${source.metadata.name}, which succeeded`,
  };
  return {
    ...(steps ? { steps } : {}),
    ...(results ? { results } : {}),
    ...(artifacts ? { artifacts } : {}),
    ...(podName ? { podName } : {}),
    conditions: [taken],
    annotations: { [takenFromAnnotation]: source.metadata.name },
  };
}

async function sameTask(
  reader: Reader,
  earlier: PipelineRun | undefined,
  taskRun: TaskRun,
): Promise<TaskRun | undefined> {
  const task = taskRun.metadata.labels?.['tekton.dev/pipelineTask'];
  const namespace = taskRun.metadata.namespace ?? '';
  for (const { kind, name, pipelineTaskName } of earlier?.status?.childReferences ?? []) {
    if (kind !== 'TaskRun' || pipelineTaskName !== task) continue;
    const candidate = await reader.get<TaskRun>({ type: kinds.TaskRun, namespace, name });
    // Another value of a param, of a matrix too, is other work.
    if (JSON.stringify(candidate?.spec?.params ?? []) === JSON.stringify(taskRun.spec?.params ?? []))
      return candidate;
  }
  return undefined;
}
