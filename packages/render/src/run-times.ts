import type { PipelineRun } from '@tagboat/api';
import { formatDuration } from '@tagboat/base';

/** How a task spent its time, in words such as `1m01s`. */
export interface TaskTimes {
  readonly task: string;
  /** From when it could have started to its start. */
  readonly waited: string;
  /** In its steps. */
  readonly ran: string;
  /** The rest: making its pod, between steps, reading results. */
  readonly overhead: string;
  /** One of those that decided how long the run took. */
  readonly critical: boolean;
}

const inWords = (seconds: number) => formatDuration(seconds * 1000);

/** Where a finished run's time went: a task after the other, in the pipeline's order; none of what did not run. Pure. */
export function taskTimes(run: PipelineRun): TaskTimes[] {
  const { timing, pipelineSpec } = run.status ?? {};
  if (!timing) return [];
  const names = [...(pipelineSpec?.tasks ?? []), ...(pipelineSpec?.finally ?? [])].map(({ name }) => name);
  return names.flatMap((task) => {
    const times = timing.tasks[task];
    if (!times) return [];
    return {
      task,
      waited: inWords(times.waitSeconds),
      ran: inWords(times.runSeconds),
      overhead: inWords(times.overheadSeconds),
      critical: timing.criticalPath.includes(task),
    };
  });
}

/** A path of more tasks than this is told by its ends. */
const mostNamed = 8;

function shortened(path: readonly string[]): readonly string[] {
  if (path.length <= mostNamed) return path;
  const end = mostNamed / 2;
  return [...path.slice(0, end), `(${path.length - mostNamed} more)`, ...path.slice(-end)];
}

/** The path that decided how long a run took, in one line; undefined where that is not known. Pure. */
export function criticalPathLine(run: PipelineRun): string | undefined {
  const { timing } = run.status ?? {};
  if (!timing || timing.criticalPath.length === 0) return undefined;
  const path = shortened(timing.criticalPath).join(' → ');
  return `critical path: ${path}, ${inWords(timing.criticalPathSeconds)}; queued ${inWords(timing.queuedSeconds)}`;
}
