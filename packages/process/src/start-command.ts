// Also what the small process of `Spawner` loads: it imports nothing of other packages.
import { type ChildProcess, spawn } from 'node:child_process';

export interface CommandStart {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  /** Undefined: this process's own. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  readonly stdin: string | Uint8Array | undefined;
}

export interface StartedCommand {
  /** Undefined where it is not known, or could not be started. */
  readonly pid: number | undefined;
  /** After all of its output. Rejects where it cannot be started. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Kills it with its group. */
  kill(): void;
}

export type StartCommand = (
  command: CommandStart,
  onOutput: (stream: 'stdout' | 'stderr', data: Buffer) => void,
) => StartedCommand;

/** Starts a command as a child of this process. */
export const startHere: StartCommand = ({ file, args, cwd, env, stdin }, onOutput) => {
  const child = spawn(file, args, {
    cwd,
    env: env as NodeJS.ProcessEnv,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<Awaited<StartedCommand['ended']>>();
  // First: without file descriptors there is a child with nothing, and only this says so.
  child.on('error', reject);
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.on('data', (data: Buffer) => onOutput(stream, data));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(stdin);
  child.on('close', (code, signal) => resolve({ code, signal }));
  return { pid: child.pid, ended, kill: () => signalGroup(child, 'SIGKILL') };
};

/** Sends a signal to the whole process group that the child leads; a group that is gone is fine. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) signalProcessGroup(child.pid, signal);
}

/** Sends a signal to a process group, named by the process that leads it; a group that is gone is fine. */
export function signalProcessGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // EPERM: its number is somebody else's by now.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
