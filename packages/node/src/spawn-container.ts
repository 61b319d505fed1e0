import { type ProcessOptions, startProcess } from './attached-process.ts';
import type { ContainerExit, ContainerOutput, RunningContainer } from './driver.ts';

export interface ContainerProcess extends ProcessOptions {
  readonly output: ContainerOutput;
  /** Starts another process in the same container. */
  readonly exec: RunningContainer['exec'];
}

/** Starts a container's first process; its end is awaited by `exited`, which comes after all of its output. */
export async function spawnContainer(options: ContainerProcess): Promise<RunningContainer> {
  const started = await startProcess(options);
  let ended = false;
  let killTimer: NodeJS.Timeout | undefined;
  let killAt = Number.POSITIVE_INFINITY;
  const streams = [
    forward(started.stdout, (data) => options.output('stdout', data)),
    ...(started.stderr ? [forward(started.stderr, (data) => options.output('stderr', data))] : []),
  ];
  const exited: Promise<ContainerExit> = started.exited.then(async (exit) => {
    ended = true;
    clearTimeout(killTimer);
    await Promise.all(streams);
    return exit;
  });
  return {
    pid: started.pid,
    exited,
    input: started.input,
    exec: options.exec,
    stop(gracePeriod) {
      if (ended) return;
      started.signal(gracePeriod > 0 ? 'SIGTERM' : 'SIGKILL');
      // Asked again, it may have less time than before, never more.
      const at = performance.now() + gracePeriod;
      if (at >= killAt) return;
      killAt = at;
      clearTimeout(killTimer);
      killTimer = setTimeout(() => started.signal('SIGKILL'), gracePeriod);
    },
  };
}

/** Hands on what is read; who takes it slowly makes the container wait. */
async function forward(
  stream: AsyncIterable<Uint8Array>,
  take: (data: Uint8Array) => Promise<void> | void,
): Promise<void> {
  for await (const data of stream) {
    const taken = take(data);
    if (taken) await taken;
  }
}
