import { controllerOf, keyOf, kinds, type PipelineRun } from '@tagboat/api';
import { createIfAbsent, mutate, type Reader, type ResourceStore } from '@tagboat/store';
import { fillTektonDefaults } from './admission-defaults.ts';
import { childrenOf, missingWorkspace } from './children.ts';
import { claimVolumes } from './claims.ts';
import { mistypedMatrix } from './matrix.ts';
import type { PipelineAction } from './plan-pipeline-run.ts';
import { checkTaskChoices, checkTaskParams, type ReferencedTasks } from './referenced-tasks.ts';
import { refused, refusedByUser } from './run-checks.ts';
import type { Settings } from './settings.ts';
import { type Child, childKind } from './task-states.ts';

interface ChildParts {
  readonly store: ResourceStore;
  readonly settings: Settings;
}

const deepest = 10;

const typeOfKind = (kind: string) => kinds[kind as 'TaskRun' | 'PipelineRun' | 'CustomRun'];

/** Makes the runs of one task of a pipeline, and what they mount. @throws a refusal with Tekton's reason and message */
export async function createChildren(
  { store, settings }: ChildParts,
  { run, tasks }: { run: PipelineRun; tasks: ReferencedTasks },
  { task, final }: Extract<PipelineAction, { kind: 'create' }>,
): Promise<Child[]> {
  const referenced = await tasks.of(task);
  const defaults = await settings.defaults();
  const input = { run, task, final, defaults, ...referenced };
  if (childKind(task) === 'TaskRun') {
    checkTaskParams(run, task, referenced.taskSpec);
    checkTaskChoices(task, referenced.taskSpec);
  }
  const workspace = missingWorkspace(input);
  if (workspace)
    throw refused(
      'CreateRunFailed',
      `expected workspace "${workspace}" to be provided by pipelinerun for pipeline task "${task.name}"`,
    );
  await checkCycle(store, run, task.pipelineRef?.name);
  await claimVolumes(store, run);
  const mistyped = mistypedMatrix(task);
  if (mistyped)
    throw refusedByUser(
      'InvalidMatrixParameterTypes',
      `Failed to validate matrix "${run.metadata.name}" with error ${mistyped}`,
    );
  // They share parts with what is stored, which nobody may change.
  const children = structuredClone(childrenOf(input));
  return Promise.all(
    children.map(async (child) => {
      fillTektonDefaults(child, defaults);
      const created = await createIfAbsent(store, keyOf(typeOfKind(child.kind), child), child);
      if (controllerOf(created)?.uid === run.metadata.uid) return created as Child;
      throw refused(
        'CreateRunFailed',
        `${child.kind} "${child.metadata.name}" already exists and belongs to another run`,
      );
    }),
  );
}

/** Asks a child to stop, in the words of its kind. */
export async function cancelChild(
  store: ResourceStore,
  { child, message }: Extract<PipelineAction, { kind: 'cancel' }>,
): Promise<void> {
  const status =
    child.kind === 'PipelineRun'
      ? 'Cancelled'
      : child.kind === 'CustomRun'
        ? 'RunCancelled'
        : 'TaskRunCancelled';
  await mutate<Child>(store, keyOf(typeOfKind(child.kind), child), (draft) => {
    draft.spec = {
      ...draft.spec,
      status,
      ...(child.kind === 'PipelineRun' ? {} : { statusMessage: message.replace('TaskRun', child.kind) }),
    };
  });
}

/** A pipeline may run others, and by way of them itself: not for ever. */
export async function checkDepth(reader: Reader, run: PipelineRun): Promise<void> {
  let depth = 0;
  for await (const _ of runsAbove(reader, run))
    if (++depth > deepest)
      throw refused(
        'PipelineValidationFailed',
        `pipelines in pipelines may be ${deepest} deep; does one run itself?`,
      );
}

/** Whether a pipeline that a run is about to run already runs around it (Tekton's `detectPipelineRefCycle`). */
async function checkCycle(reader: Reader, run: PipelineRun, pipeline: string | undefined): Promise<void> {
  if (pipeline === undefined) return;
  const visited: string[] = [];
  for await (const { metadata } of runsAbove(reader, run)) {
    const name = metadata.labels?.['tekton.dev/pipeline'];
    if (name === pipeline)
      throw refused(
        'CreateRunFailed',
        `detected cycle in pipeline-in-pipeline: pipeline "${pipeline}" is already running in ancestor chain [${visited.join(' ')}]`,
      );
    if (name) visited.push(name);
  }
}

/** A run, the one whose task it is, and so on up. */
async function* runsAbove(reader: Reader, run: PipelineRun): AsyncGenerator<PipelineRun> {
  const namespace = run.metadata.namespace ?? '';
  for (let current: PipelineRun | undefined = run; current; ) {
    yield current;
    const owner = controllerOf(current);
    current =
      owner?.kind === 'PipelineRun'
        ? await reader.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name: owner.name })
        : undefined;
  }
}
