import {
  controllerOf,
  keyOf,
  kinds,
  type Task,
  type TaskRun,
  type TaskRunStatus,
  type TaskSpec,
} from '@tagboat/api';
import { describeError, TagboatError } from '@tagboat/base';
import { mutate, type Reader, type ResourceStore } from '@tagboat/store';
import { decodeTaskSpec } from './decode.ts';
import type { RemoteTasks } from './remote-tasks.ts';
import type { Registries } from './resolver-tools.ts';
import { resolveReference } from './resolvers.ts';
import { refused } from './run-checks.ts';
import { lookupIn, substitute } from './substitute.ts';
import { paramsOfTaskRun } from './task-variables.ts';

/** A task as a run is going to use it, and what of it goes on to the run. */
export interface ResolvedTask {
  readonly spec: TaskSpec;
  readonly name?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly provenance?: TaskRunStatus['provenance'];
}

/** The task that a run means, inline or by reference. @throws a refusal with Tekton's reason and message */
export async function resolveTask(
  reader: Reader,
  taskRun: TaskRun,
  { registries, remote }: { registries?: Registries | undefined; remote: RemoteTasks },
): Promise<ResolvedTask> {
  const { taskSpec, taskRef } = taskRun.spec ?? {};
  // A retry runs what the first attempt ran, whatever became of the Task meanwhile.
  if (taskRun.status?.retriesStatus && taskRun.status.taskSpec) return { spec: taskRun.status.taskSpec };
  if (taskSpec) return { spec: taskSpec };
  const { namespace = '', name } = taskRun.metadata;
  if (!taskRef)
    throw refused(
      'TaskRunValidationFailed',
      'expected exactly one, got neither: spec.taskRef, spec.taskSpec',
    );
  const params = lookupIn(paramsOfTaskRun(taskRun, { steps: [] }));
  const request = { reader, namespace, ...(registries ? { registries } : {}) };
  try {
    const reference = substitute(taskRef, params);
    const run = controllerOf(taskRun);
    const { object, source } =
      reference.resolver && run?.kind === 'PipelineRun'
        ? await remote.of(run.uid, request, reference)
        : await resolveReference<Task>({ ...request, kind: 'Task' }, reference);
    const { labels = {}, annotations = {} } = object.metadata;
    const { 'kubectl.kubernetes.io/last-applied-configuration': _, ...others } = annotations;
    return {
      spec: decodeTaskSpec(object.spec!),
      name: object.metadata.name,
      labels,
      annotations: others,
      ...(source ? { provenance: { refSource: source } } : {}),
    };
  } catch (error) {
    if (!(error instanceof TagboatError) || error.retryable) throw error;
    throw refused(
      'TaskRunResolutionFailed',
      `error when listing tasks for taskRun ${name}: ${describeError(error)}`,
    );
  }
}

/** Gives a TaskRun the labels and annotations of its Task, where the pipeline has not put them there already. */
export async function takeMetadata(
  store: ResourceStore,
  taskRun: TaskRun,
  { task, managedBy }: { task: ResolvedTask; managedBy: string },
): Promise<void> {
  const { name, labels, annotations } = task;
  if (name === undefined || taskRun.metadata.labels?.['tekton.dev/task']) return;
  await mutate<TaskRun>(store, keyOf(kinds.TaskRun, taskRun), (draft) => {
    draft.metadata.labels = {
      ...labels,
      'app.kubernetes.io/managed-by': managedBy,
      ...draft.metadata.labels,
      'tekton.dev/task': name,
    };
    const all = { ...annotations, ...draft.metadata.annotations };
    if (Object.keys(all).length > 0) draft.metadata.annotations = all;
  });
}
