import type { Condition } from '@tagboat/api';
import { goDuration, pipelineTimeouts } from './durations.ts';
import { type Facts, isDone, skipReason } from './pipeline-facts.ts';
import {
  hasFailed,
  hasSucceeded,
  isRunning,
  type PipelineTaskState,
  timedOutWithRun,
  wasCancelled,
} from './task-states.ts';

interface Counts {
  succeeded: number;
  failed: number;
  ignored: number;
  cancelled: number;
  invalid: number;
  skipped: number;
  skippedByTimeout: number;
  incomplete: number;
}

/** The `Succeeded` condition of a PipelineRun, and whether it is final (Tekton's `GetPipelineConditionStatus`). */
export function conditionFor(facts: Facts): { condition: Condition; done: boolean } {
  const { asked, observed } = facts;
  const name = observed.run.metadata.name;
  if (asked === 'Cancelled') return final('False', 'Cancelled', `PipelineRun "${name}" was cancelled`);
  const late = timeoutCondition(facts);
  if (late) return late;
  const counts = count(facts);
  return counts.incomplete === 0 ? finished(facts, counts) : running(facts, counts);
}

const final = (status: 'True' | 'False', reason: string, message: string) => ({
  condition: { type: 'Succeeded', status, reason, message },
  done: true,
});

function timeoutCondition(facts: Facts): { condition: Condition; done: boolean } | undefined {
  const { observed, limits } = facts;
  const { run, spec } = observed;
  const { name } = run.metadata;
  const timeouts = pipelineTimeouts(run.spec?.timeouts);
  if (limits.pipeline)
    return final(
      'False',
      'PipelineRunTimeout',
      `PipelineRun "${name}" failed to finish within "${goDuration(timeouts.pipeline)}"`,
    );
  if (!tasksCutShort(facts)) return undefined;
  const ended = [...observed.states.values()].every(
    (state) =>
      hasSucceeded(state) ||
      hasFailed(state) ||
      (state.children.length === 0 && isDone(facts, state.task.name)),
  );
  // The tasks that the limit met are cancelled first: the run is over when nothing of it runs.
  if (!ended && ((spec.finally ?? []).length > 0 || stillRuns(facts))) return undefined;
  return final(
    'False',
    'PipelineRunTimeout',
    `PipelineRun "${name}" failed due to tasks failed to finish within "${goDuration(timeouts.tasks ?? 0)}"`,
  );
}

/** True where the limit for tasks met some that were not over; finally tasks may well run past it. */
const tasksCutShort = ({ observed, limits, skipped }: Facts) =>
  limits.tasks &&
  [...observed.states.values()].some(
    (state) =>
      !state.final &&
      (isRunning(state) ||
        timedOutWithRun(state) ||
        skipped.get(state.task.name)?.reason === skipReason.tasksTimeout),
  );

const stillRuns = ({ observed }: Facts) => [...observed.states.values()].some(isRunning);

function count(facts: Facts): Counts {
  const counts: Counts = {
    succeeded: 0,
    failed: 0,
    ignored: 0,
    cancelled: 0,
    invalid: 0,
    skipped: 0,
    skippedByTimeout: 0,
    incomplete: 0,
  };
  for (const state of facts.observed.states.values()) counts[kindOf(facts, state, counts)]++;
  return counts;
}

function kindOf({ skipped, invalid }: Facts, state: PipelineTaskState, counts: Counts): keyof Counts {
  if (hasSucceeded(state)) return 'succeeded';
  if (timedOutWithRun(state)) return 'failed';
  if (wasCancelled(state)) return 'cancelled';
  if (hasFailed(state)) return state.task.onError === 'continue' ? 'ignored' : 'failed';
  if (invalid.has(state.task.name)) return 'invalid';
  const skip = skipped.get(state.task.name);
  if (!skip) return 'incomplete';
  const byTimeout: readonly string[] = [
    skipReason.timeout,
    skipReason.tasksTimeout,
    skipReason.finallyTimeout,
  ];
  if (byTimeout.includes(skip.reason)) counts.skippedByTimeout++;
  return 'skipped';
}

function finished(
  { observed, asked, invalid }: Facts,
  counts: Counts,
): { condition: Condition; done: boolean } {
  const { succeeded, failed, ignored, cancelled, skipped } = counts;
  const completed = succeeded + failed + ignored + cancelled;
  const failures = `Failed: ${failed + ignored}${ignored > 0 ? ` (Ignored: ${ignored})` : ''}`;
  const text = `Tasks Completed: ${completed} (${failures}, Cancelled ${cancelled}), Skipped: ${skipped}`;
  if (counts.invalid > 0) {
    const why = [...invalid].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reason]) => reason);
    const details = why.join('; ').slice(0, 1024);
    return final(
      'False',
      'PipelineValidationFailed',
      `${text}, Failed Validation: ${counts.invalid} (${details})`,
    );
  }
  if (failed > 0 || counts.skippedByTimeout > 0) return final('False', 'Failed', text);
  if (asked === 'CancelledRunFinally' || asked === 'StoppedRunFinally')
    return final('False', 'Cancelled', `PipelineRun "${observed.run.metadata.name}" was cancelled`);
  if (cancelled > 0) return final('False', 'Cancelled', text);
  return final('True', skipped > 0 ? 'Completed' : 'Succeeded', text);
}

function running(facts: Facts, counts: Counts): { condition: Condition; done: boolean } {
  const { asked, observed } = facts;
  const { succeeded, failed, ignored, cancelled, skipped, incomplete } = counts;
  const finals = observed.spec.finally ?? [];
  const finalsDone = finals.every(({ name }) => isDone(facts, name));
  const reason =
    tasksCutShort(facts) && finals.length > 0 && !finalsDone
      ? 'PipelineRunTimeoutRunningFinally'
      : asked === 'CancelledRunFinally'
        ? 'CancelledRunningFinally'
        : asked === 'StoppedRunFinally'
          ? 'StoppedRunningFinally'
          : cancelled > 0 || (failed > 0 && finalsDone)
            ? 'PipelineRunStopping'
            : 'Running';
  const completed = succeeded + failed + ignored + cancelled;
  const message = `Tasks Completed: ${completed} (Failed: ${failed}, Cancelled ${cancelled}), Incomplete: ${incomplete}, Skipped: ${skipped}`;
  return { condition: { type: 'Succeeded', status: 'Unknown', reason, message }, done: false };
}
