import type { PipelineRun } from '@tagboat/api';
import { formatDuration } from '@tagboat/base';

const inWords = (seconds: number) => formatDuration(seconds * 1000);

/** Where a finished run's time went: a row for each task in the pipeline's order, those that decided it marked. Pure. */
export function timeRows(run: PipelineRun): Record<string, unknown>[] {
  const { timing, pipelineSpec } = run.status ?? {};
  if (!timing) return [];
  const names = [...(pipelineSpec?.tasks ?? []), ...(pipelineSpec?.finally ?? [])].map(({ name }) => name);
  return names.flatMap((task) => {
    const times = timing.tasks[task];
    if (!times) return [];
    return {
      task: `${task}${timing.criticalPath.includes(task) ? ' *' : ''}`,
      waited: inWords(times.waitSeconds),
      ran: inWords(times.runSeconds),
      overhead: inWords(times.overheadSeconds),
    };
  });
}

/** The path that decided how long a run took, in one line; undefined where that is not known. */
export function criticalPathLine(run: PipelineRun): string | undefined {
  const { timing } = run.status ?? {};
  if (!timing || timing.criticalPath.length === 0) return undefined;
  const path = timing.criticalPath.join(' → ');
  return `* critical path: ${path}, ${inWords(timing.criticalPathSeconds)}; queued ${inWords(timing.queuedSeconds)}`;
}
