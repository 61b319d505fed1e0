import { dirname, join, relative, resolve } from 'node:path';
import { TagboatError } from '@tagboat/base';
import type { Execution } from './execute.ts';

/** A script's failure by the last line that it said, at the last place of its own. */
export function scriptFailed(
  execution: Execution,
  name: string,
  { code, output }: { code: number; output: string },
): TagboatError {
  const last = output.trim().split('\n').at(-1) ?? '';
  const frames = [...output.matchAll(/File "([^"]+)", line (\d+)/g)].map((match) => ({
    file: relative(execution.workdir, resolve(execution.workdir, match[1]!)),
    line: Number(match[2]),
  }));
  const own = frames.filter(({ file }) => !file.startsWith('..')).at(-1);
  const why = code === 137 ? 'it was killed (out of memory?)' : last || `exit code ${code}`;
  const error = new TagboatError(`${name} failed with exit code ${code}: ${why}`, {
    reason: 'ScriptFailed',
    retryable: false,
    ...(own ? { location: own } : {}),
  });
  return withHint(error, execution, output.slice(-4000));
}

/** A missing file that the repository has, but the step did not declare, is what people stumble over first. */
export function withHint(error: TagboatError, execution: Execution, text: string): TagboatError {
  const missing = /No such file or directory: '([^']+)'/.exec(text)?.[1];
  const module = /ModuleNotFoundError: No module named '([^']+)'/.exec(text)?.[1];
  let hint: string | undefined;
  if (missing !== undefined) {
    const path = relative(execution.workdir, resolve(execution.workdir, missing));
    const candidates = [
      path,
      missing,
      relative(
        execution.workdir,
        resolve(
          dirname(join(execution.workdir, execution.step.notebook ?? execution.step.script ?? '.')),
          missing,
        ),
      ),
    ];
    const hidden = candidates.find((candidate) =>
      execution.undeclared.has(candidate.replace(/^(\.\.\/)+/, '')),
    );
    hint = hidden
      ? `${hidden} is in the repository, but it is not a declared input of this step: add it to train.inputs or data in tagboat.yaml`
      : `steps see only their declared inputs: is ${path} committed, and declared in train.inputs or data?`;
  } else if (/StdinNotImplementedError|EOFError: EOF when reading a line/.test(text))
    hint =
      'nobody is there to answer a question in a run: make it a parameter (train.parameters in tagboat.yaml)';
  else if (module !== undefined) hint = `is the package that holds "${module}" among the requirements?`;
  return hint
    ? new TagboatError(error.message, {
        reason: error.reason,
        retryable: false,
        hint,
        ...(error.location ? { location: error.location } : {}),
      })
    : error;
}
