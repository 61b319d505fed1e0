import type { PodStep } from '@tagboat/api';
import { type Clock, TagboatError } from '@tagboat/base';
import { lastWords } from './last-words.ts';
import type { StartedContainer } from './start-container.ts';
import { type BreakpointWait, type DebuggedStep, followBreakpoints } from './step-debug.ts';
import type { StepEnd } from './step-end.ts';
import { StepTime } from './step-time.ts';

export interface AwaitedStep {
  readonly step: PodStep;
  readonly clock: Clock;
  /** Absent: it has no breakpoints. */
  readonly debugged?: DebuggedStep | undefined;
  /** Takes where the step waits; undefined where it goes on. */
  report(at: BreakpointWait | undefined): Promise<void>;
}

export interface StepCourse {
  readonly end: StepEnd;
  /** When its command was started (milliseconds since the epoch), where that was after a wait. */
  readonly began?: number;
  /** What it said last of its own. */
  readonly words: string;
}

/** Awaits the end of a started step: of its command, of its time, or of who looked at it. @throws `ContainerCannotRun` */
export async function awaitStep(started: StartedContainer, awaited: AwaitedStep): Promise<StepCourse> {
  const { running, group, log } = started;
  const { step, clock, debugged } = awaited;
  const course: { began?: number; words?: string } = {};
  using time = new StepTime(clock, step.timeoutMilliseconds, () => running.stop(0));
  if (!step.breakpoints?.beforeStep) time.begin();
  const over = new AbortController();
  const followed =
    debugged &&
    followBreakpoints(
      debugged,
      {
        async waits(at) {
          time[Symbol.dispose]();
          if (at.reason === 'OnFailure') course.words = lastWords(log.tail);
          void log.write('stderr', `${at.text}\n`);
          await awaited.report(at);
        },
        async begins() {
          course.began = clock.now();
          time.begin();
          await awaited.report(undefined);
        },
      },
      { clock, signal: over.signal },
    ).catch((error: unknown) => error);
  const { exitCode, startError, outOfMemory: told } = await running.exited;
  over.abort();
  const problem = await followed;
  if (problem) throw problem;
  if (debugged) await awaited.report(undefined);
  if (startError)
    throw new TagboatError(`cannot start ${step.container}: ${startError}`, {
      reason: 'ContainerCannotRun',
      ...(debugged ? { hint: 'a step with breakpoints needs /bin/sh in its image' } : {}),
    });
  const words = course.words ?? lastWords(log.tail);
  // Tekton's entrypoint ends with 1 then, whatever the signal did.
  if (time.isOver) return { ...course, words, end: { exitCode: 1, reason: 'TimeoutExceeded' } };
  const outOfMemory = exitCode !== 0 && (told ?? (await group?.outOfMemory()) ?? false);
  return { ...course, words, end: { exitCode, outOfMemory } };
}
