import {
  type Condition,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type PipelineRun,
  type TaskRun,
} from '@tagboat/api';
import type { Engine } from '@tagboat/server';
import { mutate } from '@tagboat/store';

interface Expected {
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
}

/** The first document of a vector's file: what is done meanwhile, and what is to come of it. */
export interface Vector {
  readonly description: string;
  /** When this task runs, the run's spec is changed. */
  readonly when?: { task: string; then: Record<string, string> };
  readonly expect: Expected & {
    readonly skipped?: Record<string, string>;
    /** By step, its termination reason. */
    readonly steps?: Record<string, string>;
    readonly results?: Record<string, unknown>;
    readonly tasks?: Record<string, Expected & { retries?: number; terminationReason?: string }>;
  };
}

type Run = KubernetesObject<Record<string, unknown>, { conditions?: Condition[]; completionTime?: string }>;

/** Creates a vector's objects, does what it says meanwhile, and waits for its run, the last object. */
export async function playVector(
  { store }: Engine,
  { vector, objects, namespace }: { vector: Vector; objects: readonly KubernetesObject[]; namespace: string },
): Promise<Run> {
  const signal = AbortSignal.timeout(60_000);
  let run: Run | undefined;
  for (const object of objects)
    run = (await store.create({ ...object, metadata: { ...object.metadata, namespace } })) as Run;
  const type = store.types.of(run!);
  const from = run!.metadata.resourceVersion!;
  if (vector.when) {
    const { task, then } = vector.when;
    for await (const { object } of store.watch<TaskRun>(kinds.TaskRun, { namespace }, { from, signal }))
      if (
        object.metadata.labels?.['tekton.dev/pipelineTask'] === task &&
        object.status?.steps?.some(({ running }) => running)
      )
        break;
    await mutate<Run>(store, keyOf(type, run!), (draft) => {
      draft.spec = { ...draft.spec, ...then };
    });
  }
  for await (const { object } of store.watch<Run>(
    type,
    { namespace, name: run!.metadata.name },
    { from, signal },
  ))
    if (object.status?.completionTime) return settled(store, object, { namespace, signal });
  throw new Error(`${run!.metadata.name} did not end`);
}

/** The run once its children are over too: what is cancelled ends a moment after the run. */
async function settled(
  store: Engine['store'],
  run: Run,
  { namespace, signal }: { namespace: string; signal: AbortSignal },
): Promise<Run> {
  const open = async () => {
    const listed = await store.list<TaskRun>(kinds.TaskRun, { namespace });
    return { more: listed.items.some(({ status }) => !status?.completionTime), from: listed.resourceVersion };
  };
  for (let { more, from } = await open(); more; { more, from } = await open())
    for await (const _ of store.watch(kinds.TaskRun, { namespace }, { from, signal })) break;
  return run;
}

/** What came of a run, in the shape and to the extent that the vector expects. */
export async function observedOf(engine: Engine, run: Run, { expect }: Vector): Promise<unknown> {
  const { name, namespace = '' } = run.metadata;
  const neutral = (text: string | undefined, child = '') =>
    (child === '' ? text : text?.replaceAll(child, 'CHILD'))
      ?.replaceAll(name, 'NAME')
      .replaceAll(namespace, 'NAMESPACE');
  const own = findCondition(run.status?.conditions, 'Succeeded');
  const seen: Record<string, unknown> = { status: own?.status, reason: own?.reason };
  if (expect.message !== undefined) seen.message = neutral(own?.message);
  const { skippedTasks, childReferences } = (run as PipelineRun).status ?? {};
  if (skippedTasks || expect.skipped)
    seen.skipped = Object.fromEntries((skippedTasks ?? []).map((task) => [task.name, task.reason]));
  const { steps = [], results = [] } = (run as TaskRun).status ?? {};
  if (expect.steps) seen.steps = Object.fromEntries(steps.map((step) => [step.name, step.terminationReason]));
  if (expect.results) seen.results = Object.fromEntries(results.map((result) => [result.name, result.value]));
  if (!expect.tasks) return seen;
  const tasks: Record<string, unknown> = {};
  for (const reference of childReferences ?? []) {
    const wanted = expect.tasks[reference.pipelineTaskName];
    const type = kinds[reference.kind as 'TaskRun' | 'CustomRun'];
    const child = await engine.store.get<TaskRun>({ type, namespace, name: reference.name });
    const condition = findCondition(child?.status?.conditions, 'Succeeded');
    tasks[reference.pipelineTaskName] = {
      status: condition?.status,
      reason: condition?.reason,
      ...(wanted?.message === undefined ? {} : { message: neutral(condition?.message, reference.name) }),
      ...(wanted?.retries === undefined ? {} : { retries: child?.status?.retriesStatus?.length ?? 0 }),
      ...(wanted?.terminationReason === undefined
        ? {}
        : { terminationReason: child?.status?.steps?.[0]?.terminationReason }),
    };
  }
  return { ...seen, tasks };
}
