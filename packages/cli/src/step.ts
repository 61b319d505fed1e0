import { describeError } from '@tagboat/base';
import { StepContext } from '@tagboat/steps/context';
import { runStep } from '@tagboat/steps/run-step';
import { modelServerDirectory } from './paths.ts';

/** `tagboat step <name>`: the work of a built-in task's step. @returns the exit code */
export async function step(name: string): Promise<number> {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const context = new StepContext(process.env, say, stop.signal);
  try {
    await runStep(name, context, modelServerDirectory);
    return 0;
  } catch (error) {
    process.stderr.write(`error: ${describeError(error)}\n`);
    if (!(error as { reason?: string }).reason) process.stderr.write(`${(error as Error).stack}\n`);
    return 1;
  }
}
