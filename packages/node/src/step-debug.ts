import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { atBreakpoint, type Condition, type Pod, type StepBreakpoints } from '@tagboat/api';
import { type Clock, delay } from '@tagboat/base';
import { readStepFile } from './inside.ts';

/** What a step's own directory (`/tekton/run/<i>`) holds of its breakpoints (Tekton docs, debug.md). */
export const debugFiles = {
  /** The exit code of the command that failed, while the step waits. */
  failed: 'out.breakpoint',
  /** The exit code that the step shall end with. */
  failureExit: 'out.breakpointexit',
  beforeExit: 'out.beforestepexit',
  beforeFailure: 'out.beforestepexit.err',
} as const;

/** Milliseconds until a step's directory is looked at again. */
const interval = 250;

export interface DebuggedStep {
  readonly pod: Pod;
  readonly container: string;
  readonly breakpoints: StepBreakpoints;
  /** Behind the step's `/tekton/run/<i>`. */
  readonly directory: string;
  /** What its command is started by, as the container sees it. */
  readonly entrypoint: string;
  /** Where who gets in finds the scripts that end a wait. */
  readonly scripts: string;
}

/** A step that waits for somebody to look at it. */
export interface BreakpointWait {
  readonly reason: 'BeforeStep' | 'OnFailure';
  /** How to get in and how to go on, for the step's log. */
  readonly text: string;
  /** The same in a line. */
  readonly message: string;
}

interface Told {
  waits(at: BreakpointWait): Promise<void>;
  /** The command is started, after a wait. */
  begins(): Promise<void>;
}

/** Follows a step with breakpoints, and tells when it waits and when it goes on, until the signal aborts. */
export async function followBreakpoints(
  step: DebuggedStep,
  told: Told,
  until: { clock: Clock; signal: AbortSignal },
) {
  const { breakpoints, directory } = step;
  const sizeOf = (name: string) =>
    lstat(join(directory, name)).then(
      ({ size }) => size,
      () => undefined,
    );
  const appears = async (isThere: () => Promise<boolean>) => {
    while (!until.signal.aborted) {
      if (await isThere()) return true;
      await delay(until.clock, interval, until.signal);
    }
    return false;
  };
  if (breakpoints.beforeStep) {
    await told.waits(beforeStep(step));
    const isThere = async (name: string) => (await sizeOf(name)) !== undefined;
    await appears(async () => (await isThere(debugFiles.beforeExit)) || isThere(debugFiles.beforeFailure));
    if (!(await isThere(debugFiles.beforeExit))) return;
    await told.begins();
  }
  if (!breakpoints.onFailure || !(await appears(async () => ((await sizeOf(debugFiles.failed)) ?? 0) > 0)))
    return;
  const limit = { bytes: 1024, what: debugFiles.failed };
  const code = await readStepFile(directory, join(directory, debugFiles.failed), limit);
  await told.waits(onFailure(step, code?.toString('utf8').trim() ?? ''));
}

/** What a pod says of its step at a breakpoint; without one, that none waits. */
export const breakpointCondition = (at?: BreakpointWait): Condition =>
  at
    ? { type: atBreakpoint, status: 'True', reason: at.reason, message: at.message }
    : { type: atBreakpoint, status: 'False', reason: 'GoesOn', message: '' };

const beforeStep = (step: DebuggedStep): BreakpointWait =>
  waitOf(step, {
    reason: 'BeforeStep',
    title: 'before step',
    script: 'debug-beforestep',
    what: 'waits at its breakpoint before it begins',
  });

const onFailure = (step: DebuggedStep, code: string): BreakpointWait =>
  waitOf(step, {
    reason: 'OnFailure',
    title: 'onFailure',
    script: 'debug',
    what: `failed with exit code ${code} and waits at its breakpoint`,
  });

function waitOf(
  { pod: { metadata }, container, scripts }: DebuggedStep,
  {
    reason,
    title,
    script,
    what,
  }: Record<'title' | 'script' | 'what', string> & Pick<BreakpointWait, 'reason'>,
): BreakpointWait {
  const wayIn = `kubectl exec -it ${metadata.name} -n ${metadata.namespace} -c ${container} -- sh`;
  const [goOn, fail] = ['continue', 'fail-continue'].map((name) => `${scripts}/${script}-${name}`);
  return {
    reason,
    text: [
      `debug ${title} breakpoint has taken effect, waiting for user's decision:`,
      `1) continue, use cmd: ${goOn}`,
      `2) fail-continue, use cmd: ${fail}`,
      `"${container}" ${what}; to get in: ${wayIn}`,
    ].join('\n'),
    message: `"${container}" ${what}; to get in: ${wayIn}; there, to go on: ${goOn} or ${fail}`,
  };
}
