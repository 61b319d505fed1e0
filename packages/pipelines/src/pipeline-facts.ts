import type { PipelineRun, PipelineSpec, SkippedTask } from '@tagboat/api';
import { deadline, pipelineTimeouts } from './durations.ts';
import type { TaskGraph } from './graph.ts';
import type { PipelineTaskState } from './task-states.ts';

/** What there is of a run. */
export interface ObservedPipelineRun {
  readonly run: PipelineRun;
  /** With params, context and workspaces replaced, as `status.pipelineSpec` has it. */
  readonly spec: PipelineSpec;
  readonly graph: TaskGraph;
  /** By pipeline task name, tasks first, then finally tasks, each in the pipeline's order. */
  readonly states: ReadonlyMap<string, PipelineTaskState>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Why a task was skipped, in Tekton's words (`SkippingReason`). */
export const skipReason = {
  when: 'When Expressions evaluated to false',
  parents: 'Parent Tasks were skipped',
  stopping: 'PipelineRun was stopping',
  cancelled: 'PipelineRun was gracefully cancelled',
  stopped: 'PipelineRun was gracefully stopped',
  results: 'Results were missing',
  timeout: 'PipelineRun timeout has been reached',
  tasksTimeout: 'PipelineRun Tasks timeout has been reached',
  finallyTimeout: 'PipelineRun Finally timeout has been reached',
  emptyMatrix: 'Matrix Parameters have an empty array',
} as const;

/** The time limits of a run that have been reached. */
export interface Limits {
  readonly pipeline: boolean;
  readonly tasks: boolean;
  readonly finally: boolean;
  readonly next: number | undefined;
}

/** What is there of a run, and what is decided while it is looked at once. */
export interface Facts {
  readonly observed: ObservedPipelineRun;
  readonly limits: Limits;
  readonly asked: string;
  readonly skipped: Map<string, SkippedTask>;
  /** Tasks that cannot run since a task they follow did not give the result they use, with the reason. */
  readonly invalid: Map<string, string>;
  /** Tasks whose runs have all ended. */
  readonly ended: ReadonlySet<string>;
}

/** Which time limits a run has reached, and how long it is to the next, in milliseconds. */
export function timeLimits({ run, now }: ObservedPipelineRun): Limits {
  const timeouts = pipelineTimeouts(run.spec?.timeouts);
  const { startTime, finallyStartTime } = run.status ?? {};
  const ends = {
    pipeline: deadline(startTime, timeouts.pipeline),
    tasks: deadline(startTime, timeouts.tasks),
    finally: deadline(finallyStartTime, timeouts.finally),
  };
  const upcoming = Object.values(ends)
    .map((end) => end - now)
    .filter((left) => left > 0 && Number.isFinite(left));
  return {
    pipeline: now >= ends.pipeline,
    tasks: now >= ends.tasks,
    finally: now >= ends.finally,
    next: upcoming.length > 0 ? Math.min(...upcoming) : undefined,
  };
}

/** A task that is over: by its runs, skipped, or because it can never run. */
export const isDone = ({ skipped, invalid, ended }: Facts, name: string): boolean =>
  ended.has(name) || skipped.has(name) || invalid.has(name);
