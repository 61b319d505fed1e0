import type {
  PipelineRun,
  PipelineRunStatus,
  RunTiming,
  StepState,
  StepTiming,
  TaskTiming,
} from '@tagboat/api';
import { buildGraph } from './graph.ts';
import type { Child } from './task-states.ts';

interface Span {
  readonly start: number;
  readonly end: number;
  readonly run: number;
}

/** What the statuses of TaskRuns, nested runs and CustomRuns say of their time. */
interface ChildStatus {
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly annotations?: Record<string, string>;
  readonly steps?: readonly StepState[];
  readonly timing?: Pick<StepTiming | RunTiming, 'startedAt' | 'completedAt' | 'runSeconds'>;
}

const time = (text: string | undefined) => (text ? Date.parse(text) : Number.NaN);

const text = (milliseconds: number) => new Date(milliseconds).toISOString();

/** Where a finished run's time went: the tasks that decided its length, and how each task spent its own. Pure. */
export function runTiming(
  run: PipelineRun,
  status: PipelineRunStatus,
  children: ReadonlyMap<string, readonly Child[]>,
): RunTiming {
  const spec = status.pipelineSpec ?? { tasks: [] };
  const created = time(run.metadata.creationTimestamp);
  const began = time(status.startTime);
  const spans = new Map<string, Span>();
  for (const [name, runs] of children) {
    const span = spanOf(runs);
    if (span) spans.set(name, span);
  }
  const { parents } = buildGraph(spec.tasks);
  const finals = new Set((spec.finally ?? []).map(({ name }) => name));
  const parentsOf = (name: string): string[] =>
    finals.has(name)
      ? [...spans.keys()].filter((other) => !finals.has(other))
      : [...(parents.get(name) ?? [])];
  const tasks: Record<string, TaskTiming> = {};
  for (const [name, span] of spans) {
    const ready = Math.max(began, ...parentsOf(name).map((parent) => spans.get(parent)?.end ?? began));
    tasks[name] = {
      waitSeconds: seconds(span.start - ready),
      runSeconds: seconds(span.run),
      overheadSeconds: seconds(span.end - span.start - span.run),
    };
  }
  const criticalPath = pathOf(spans, parentsOf);
  const path = criticalPath.map((name) => spans.get(name)!);
  const [first, last] = [path[0], path.at(-1)];
  const start = Math.min(...[...spans.values()].map((span) => span.start));
  return {
    criticalPath,
    criticalPathSeconds: first && last ? seconds(last.end - first.start) : 0,
    queuedSeconds: seconds(start - created),
    ...(last ? { startedAt: text(start), completedAt: text(last.end) } : {}),
    runSeconds: seconds(path.reduce((sum, { run }) => sum + run, 0)),
    tasks,
  };
}

const seconds = (milliseconds: number) =>
  Number.isFinite(milliseconds) ? Math.max(0, Math.round(milliseconds) / 1000) : 0;

/** Of a TaskRun that was stopped, whose steps could not tell their times: milliseconds, from whole seconds. */
const inSteps = (steps: readonly StepState[] = []) =>
  steps.reduce((sum, { imageID, terminated }) => {
    const length = time(terminated?.finishedAt) - time(terminated?.startedAt);
    // One without an image never started.
    return imageID && length > 0 ? sum + length : sum;
  }, 0);

function spanOf(runs: readonly Child[]): Span | undefined {
  const spans = runs.flatMap(({ kind, status }) => {
    const { startTime, completionTime, timing, annotations, steps } = (status ?? {}) as ChildStatus;
    if (!startTime || !completionTime || annotations?.['tagboat.dev/taken-from']) return [];
    const start = time(timing?.startedAt ?? startTime);
    const end = Math.max(time(timing?.completedAt ?? completionTime), start);
    // What another controller does in its time is not known.
    if (kind === 'CustomRun') return [{ start, end, run: end - start }];
    const run = timing?.runSeconds === undefined ? inSteps(steps) : timing.runSeconds * 1000;
    return [{ start, end, run: Math.min(run, end - start) }];
  });
  if (spans.length === 0) return undefined;
  const longest = spans.reduce((a, b) => (b.run > a.run ? b : a));
  return {
    start: Math.min(...spans.map(({ start }) => start)),
    end: Math.max(...spans.map(({ end }) => end)),
    run: longest.run,
  };
}

/** From the task that ended last, back to the parent that ended last, and so on. */
function pathOf(spans: ReadonlyMap<string, Span>, parentsOf: (name: string) => string[]): string[] {
  const latest = (names: Iterable<string>) =>
    [...names]
      .filter((name) => spans.has(name))
      .reduce<string | undefined>(
        (best, name) => (best === undefined || spans.get(name)!.end > spans.get(best)!.end ? name : best),
        undefined,
      );
  const path: string[] = [];
  for (let name = latest(spans.keys()); name !== undefined; name = latest(parentsOf(name)))
    path.unshift(name);
  return path;
}
