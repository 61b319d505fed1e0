import type { ExecSession } from '@tagboat/api';
import { type AttachedProcess, type ProcessOptions, startProcess } from './attached-process.ts';

/** Starts a process as a session; it is killed when the session is disposed or `ended` resolves. */
export async function execSession(options: ProcessOptions, ended: Promise<unknown>): Promise<ExecSession> {
  const started = await startProcess(options);
  let over = false;
  const exitCode = started.exited.then((exit) => {
    over = true;
    return exit.exitCode;
  });
  const end = () => {
    if (!over) started.signal('SIGKILL');
  };
  void ended.then(end);
  return sessionOf(started, exitCode, async () => {
    end();
    await exitCode;
  });
}

function sessionOf(
  started: AttachedProcess,
  exitCode: Promise<number>,
  dispose: () => Promise<void>,
): ExecSession {
  return {
    stdout: started.stdout,
    stderr: started.stderr ?? nothing,
    write: async (data) => started.input?.write(data),
    endInput: () => started.input?.end(),
    resize: (size) => started.input?.resize(size),
    exitCode,
    [Symbol.asyncDispose]: dispose,
  };
}

/** A stream that ends at once. */
export const nothing: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
