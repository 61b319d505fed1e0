import {
  failureText,
  findCondition,
  type PipelineRun,
  type StepState,
  stepsStillRun,
  type TaskRun,
} from '@tagboat/api';

/** `paused`: it has begun, and waits for somebody. */
export type TreeState = 'waiting' | 'running' | 'paused' | 'done' | 'failed' | 'skipped';

export interface TreeLine {
  readonly id: string;
  readonly depth: number;
  readonly title: string;
  readonly state: TreeState;
  readonly note?: string;
  /** Lines to be shown whole. */
  readonly below?: readonly string[];
  /** How long its steps took, from the first to the last, where it is over and that is known. */
  readonly milliseconds?: number;
}

export interface TreeObjects {
  readonly runs: ReadonlyMap<string, PipelineRun>;
  readonly taskRuns: ReadonlyMap<string, TaskRun>;
}

function stateOf(object: PipelineRun | TaskRun | undefined): TreeState {
  const status = object?.status;
  const condition = findCondition(status?.conditions, 'Succeeded');
  if (condition?.status === 'True') return 'done';
  if (condition?.status === 'False') return 'failed';
  return status?.startTime ? 'running' : 'waiting';
}

/** A run as a tree: its tasks in order, nested runs, matrix runs, and the steps of what runs or failed. Pure. */
export function treeOf(root: PipelineRun | TaskRun, objects: TreeObjects): TreeLine[] {
  return root.kind === 'TaskRun'
    ? taskLines(root.metadata.name, root as TaskRun, 0)
    : pipelineLines(root as PipelineRun, objects, 0);
}

function pipelineLines(run: PipelineRun, objects: TreeObjects, depth: number): TreeLine[] {
  const spec = run.status?.pipelineSpec ?? run.spec?.pipelineSpec;
  const skipped = new Map((run.status?.skippedTasks ?? []).map(({ name, reason }) => [name, reason]));
  const children = new Map<string, { kind: string; name: string }[]>();
  for (const { pipelineTaskName, kind, name } of run.status?.childReferences ?? [])
    children.set(pipelineTaskName, [...(children.get(pipelineTaskName) ?? []), { kind, name }]);
  return [...(spec?.tasks ?? []), ...(spec?.finally ?? [])].flatMap((task) => {
    const own = children.get(task.name) ?? [];
    if (own.length === 0) {
      const why = skipped.get(task.name);
      return [
        {
          id: `${run.metadata.name}/${task.name}`,
          depth,
          title: task.name,
          state: why ? ('skipped' as const) : ('waiting' as const),
          ...(why ? { note: why } : {}),
        },
      ];
    }
    return own.flatMap(({ kind, name }, index) => {
      const title = own.length > 1 ? `${task.name} #${index}` : task.name;
      if (kind === 'PipelineRun')
        return nestedLines(title, objects.runs.get(name), { objects, depth, id: name });
      return taskLines(title, objects.taskRuns.get(name), depth, name);
    });
  });
}

function nestedLines(
  title: string,
  run: PipelineRun | undefined,
  { objects, depth, id }: { objects: TreeObjects; depth: number; id: string },
): TreeLine[] {
  const line = { id, depth, title, state: stateOf(run) };
  return run ? [line, ...pipelineLines(run, objects, depth + 1)] : [line];
}

function taskLines(
  title: string,
  run: TaskRun | undefined,
  depth: number,
  id = run?.metadata.name ?? title,
): TreeLine[] {
  const condition = findCondition(run?.status?.conditions, 'Succeeded');
  const below = waitOf(run);
  const state = below.length > 0 ? 'paused' : stateOf(run);
  const retries = run?.status?.retriesStatus?.length ?? 0;
  const taken = run?.status?.annotations?.['tagboat.dev/taken-from'];
  const reused = run?.status?.annotations?.['tagboat.dev/reused'];
  const warning = run?.status?.annotations?.['tagboat.dev/warnings'];
  const notes = [
    state === 'paused' ? 'waits at a breakpoint' : '',
    state === 'failed' && run ? failureText(run) : '',
    state === 'running' && condition?.reason === 'Pending' ? (condition.message ?? '') : '',
    retries > 0 ? `attempt ${retries + 1}` : '',
    taken ? `taken from ${taken}` : '',
    reused ? 'reused' : '',
    warning ? `warning: ${warning}` : '',
  ].filter((note) => note !== '' && note !== 'Pending');
  const line: TreeLine = {
    id,
    depth,
    title,
    state,
    ...(notes.length > 0 ? { note: notes.join('; ') } : {}),
    ...(below.length > 0 ? { below } : {}),
    ...timeOf(run),
  };
  const steps = run?.status?.steps ?? [];
  const shown = steps.length > 1 && ['running', 'paused', 'failed'].includes(state);
  return shown ? [line, ...steps.map((step) => stepLine(step, id, depth + 1))] : [line];
}

/** Where a step of a task waits at a breakpoint, and how to get in, line by line; none where nothing waits so. */
export function waitOf(run: PipelineRun | TaskRun | undefined): string[] {
  const { status, reason, message } = findCondition(run?.status?.conditions, 'Succeeded') ?? {};
  if (
    run?.kind !== 'TaskRun' ||
    status !== 'Unknown' ||
    reason !== 'Running' ||
    !message ||
    message === stepsStillRun
  )
    return [];
  return message.split('; ');
}

/** How long the steps of a TaskRun that is over took, where that is recorded. */
export function timeOf(run: TaskRun | undefined): { milliseconds?: number } {
  const { startedAt, finishedAt } = run?.status?.timing ?? {};
  if (!run?.status?.completionTime || !startedAt || !finishedAt) return {};
  return { milliseconds: Date.parse(finishedAt) - Date.parse(startedAt) };
}

function stepLine(step: StepState, task: string, depth: number): TreeLine {
  const { terminated, running, terminationReason } = step;
  const state: TreeState = running
    ? 'running'
    : !terminated
      ? 'waiting'
      : terminationReason === 'Skipped'
        ? 'skipped'
        : terminated.exitCode === 0 || terminationReason === 'Continued'
          ? 'done'
          : 'failed';
  const failed = terminated && terminated.exitCode !== 0 && state !== 'skipped';
  return {
    id: `${task}/${step.name}`,
    depth,
    title: step.name,
    state,
    ...(failed ? { note: `exit code ${terminated.exitCode}` } : {}),
  };
}
