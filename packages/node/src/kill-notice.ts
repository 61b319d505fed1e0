import type { ContainerExit, ContainerOutput } from './driver.ts';

/** What unshare(1) says, in several pieces, and ends with code 1, where SIGKILL ended the process it waits for. */
const notice = /unshare: [^\n]*sigprocmask[^\n]*\r?\n$/;
/** What may still become the notice. */
const beginning = /unshare: [^\n]{0,100}$/;

/**
 * Takes the words of `unshare` out of a container's output.
 * @returns the output to write to, and what to do when all of it has come: gives the container's own exit for `unshare`'s
 */
export function withoutKillNotice(output: ContainerOutput): {
  readonly output: ContainerOutput;
  readonly end: (exit: ContainerExit) => Promise<ContainerExit>;
} {
  const held = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  let killed = false;
  return {
    output(stream, data) {
      const all = held[stream].length > 0 ? Buffer.concat([held[stream], data]) : Buffer.from(data);
      const text = all.toString('latin1');
      const said = notice.exec(text);
      if (said) killed = true;
      const from = (said ?? beginning.exec(text))?.index ?? all.length;
      held[stream] = said ? Buffer.alloc(0) : all.subarray(from);
      return from > 0 ? output(stream, all.subarray(0, from)) : undefined;
    },
    async end(exit) {
      for (const stream of ['stdout', 'stderr'] as const)
        if (held[stream].length > 0) await output(stream, held[stream]);
      return killed && exit.exitCode === 1 ? { ...exit, exitCode: 137 } : exit;
    },
  };
}
