import { parseDuration } from '@tagboat/base';
import { builtInDefaults } from './config-defaults.ts';

/** A duration as Go prints it: `1h0m0s`, `1m30s`, `10s`, `500ms`. */
export function goDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const seconds = (milliseconds % 60_000) / 1000;
  const minutes = Math.floor(milliseconds / 60_000) % 60;
  const hours = Math.floor(milliseconds / 3_600_000);
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

const parsed = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text));

/** The limits of a PipelineRun in milliseconds; 0 is none, undefined is not said (Tekton docs, pipelineruns.md "timeouts"). */
export interface PipelineTimeouts {
  readonly pipeline: number;
  readonly tasks: number | undefined;
  readonly finally: number | undefined;
}

/** What is not said of tasks or finally follows from the other two. */
export function pipelineTimeouts(
  timeouts: { pipeline?: string; tasks?: string; finally?: string } = {},
): PipelineTimeouts {
  const pipeline = parsed(timeouts.pipeline);
  const tasks = parsed(timeouts.tasks);
  const final = parsed(timeouts.finally);
  const rest = (other: number | undefined) => (pipeline && other ? pipeline - other : undefined);
  return {
    pipeline: pipeline ?? builtInDefaults.timeout,
    tasks: tasks ?? rest(final),
    finally: final ?? rest(tasks),
  };
}

/**
 * When a limit that began at `start` is reached (milliseconds since the epoch); never, where there is none. Times of
 * objects are whole seconds, cut off: a limit must not be reached before its time.
 */
export function deadline(start: string | undefined, limit: number | undefined): number {
  if (!start || !limit) return Number.POSITIVE_INFINITY;
  return Date.parse(start) + limit + (start.includes('.') ? 0 : 1000);
}
