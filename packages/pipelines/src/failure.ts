import { type Condition, failureText, type TaskRun } from '@tagboat/api';
import { type Child, hasEnded, type PipelineTaskState, stopsTheRun, wasCancelled } from './task-states.ts';

/** A longer explanation belongs into the log. */
const mostCharacters = 1000;

/**
 * Why a run ended without success, as a person wants to know it: the task that failed first, its step, and the step's own words;
 * else what ran when it was cancelled or its time was up. Nothing where the condition's message says all that is known.
 */
export function failureOf(states: Iterable<PipelineTaskState>, { reason }: Condition): string | undefined {
  const all = [...states];
  const failed = all.filter((state) => stopsTheRun(state) && !wasCancelled(state)).sort(byEnd);
  const [first] = failed;
  if (first) return told(first, failed.length - 1).slice(0, mostCharacters);
  const cut = all.filter((state) => wasCancelled(state) || state.children.some((child) => !hasEnded(child)));
  if (cut.length === 0) return undefined;
  const names = cut.map(({ task }) => task.name).join(', ');
  return `${/timeout/i.test(reason ?? '') ? 'its time was up' : 'cancelled'} while ${names} ran`;
}

function told(state: PipelineTaskState, others: number): string {
  const child = firstFailed(state)!;
  const step = (child as TaskRun).status?.steps?.find(({ terminated }) => (terminated?.exitCode ?? 0) !== 0);
  const { name } = state.task;
  const words = failureText(child as TaskRun)
    .replace(/^error: /, '')
    .trim();
  const where = step && step.name !== name ? `${name}, step ${step.name}` : name;
  const more = others > 0 ? ` (${others} more ${others === 1 ? 'task' : 'tasks'} failed)` : '';
  return `${where}: ${words || 'failed'}${more}`;
}

const isFalse = (child: Child) =>
  child.status?.conditions?.some(({ type, status }) => type === 'Succeeded' && status === 'False') ?? false;

const endOf = (child: Child | undefined) => (child as TaskRun | undefined)?.status?.completionTime ?? '';

const firstFailed = ({ children }: PipelineTaskState) =>
  children.filter(isFalse).sort((a, b) => endOf(a).localeCompare(endOf(b)))[0];

const byEnd = (a: PipelineTaskState, b: PipelineTaskState) =>
  endOf(firstFailed(a)).localeCompare(endOf(firstFailed(b)));
