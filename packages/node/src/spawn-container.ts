import { spawn } from 'node:child_process';
import { exitCode, signalGroup, tiedToParent } from '@tagboat/process';
import type { ContainerExit, RunningContainer } from './driver.ts';

export interface ContainerProcess {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly output: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
}

/** Starts a process that leads its own group and dies with this one; its end is awaited by `exited`. */
export function spawnContainer({ command, environment, cwd, output }: ContainerProcess): RunningContainer {
  const [file, args] = tiedToParent(command[0], command.slice(1));
  const child = spawn(file, args, {
    cwd,
    env: { ...environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { promise: exited, resolve } = Promise.withResolvers<ContainerExit>();
  let killTimer: NodeJS.Timeout | undefined;
  child.stdout?.on('data', (data: Buffer) => output('stdout', data));
  child.stderr?.on('data', (data: Buffer) => output('stderr', data));
  child.on('error', (error) => {
    clearTimeout(killTimer);
    resolve({ exitCode: 127, startError: error.message });
  });
  let ended: ContainerExit | undefined;
  child.on('exit', (code, signal) => {
    ended = { exitCode: exitCode(code, signal) };
    // What the container's first process leaves running ends with it, and must not hold the pipes open.
    signalGroup(child, 'SIGKILL');
  });
  child.on('close', () => {
    clearTimeout(killTimer);
    resolve(ended ?? { exitCode: 127, startError: 'it never started' });
  });
  return {
    pid: child.pid,
    exited,
    stop(gracePeriod) {
      if (ended) return;
      signalGroup(child, gracePeriod > 0 ? 'SIGTERM' : 'SIGKILL');
      killTimer ??= setTimeout(() => signalGroup(child, 'SIGKILL'), gracePeriod);
    },
  };
}
