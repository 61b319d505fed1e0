import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { closeDescriptor, namedPipes, type Pipe, pathOf } from './named-pipes.ts';
import { tiedToParent } from './run.ts';
import { type Spawned, spawner } from './spawner.ts';
import { signalProcessGroup } from './start-command.ts';

export interface PipedOptions {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What its descriptors are to it, from 0 on. */
  readonly descriptors: readonly ('in' | 'out')[];
}

export interface PipedProcess {
  /** The other ends of its descriptors: one writes to an `in`, and reads from an `out`. */
  readonly pipes: readonly (Readable & Writable)[];
  /** After all of its output was read. */
  readonly ended: Spawned['exited'];
  /** Sends a signal to it and to what it started, as long as it runs. */
  signal(name: NodeJS.Signals): void;
}

/**
 * Starts a program that is spoken to by pipes, from the small process where the host has named pipes: what is read and
 * written goes directly between the two. It leads a group, and dies with this process.
 * @throws `CommandNotFound`
 */
export async function startPiped(options: PipedOptions): Promise<PipedProcess> {
  const ends = await Promise.all(
    options.descriptors.map((direction) => (direction === 'in' ? namedPipes.takeInput() : namedPipes.take())),
  );
  try {
    return ends.every((end) => end !== undefined)
      ? await fromSpawner(options, ends)
      : await fromHere(options);
  } catch (error) {
    for (const end of ends) end?.stream.destroy();
    throw error;
  } finally {
    for (const end of ends) closeDescriptor(end);
  }
}

async function fromSpawner(options: PipedOptions, ends: readonly Pipe[]): Promise<PipedProcess> {
  const { file, args, env, descriptors } = options;
  const { pid, exited } = await spawner.spawn({
    file,
    args,
    cwd: process.cwd(),
    env: env as Record<string, string>,
    descriptors: ends.map((end, index) => ({ path: pathOf(end), access: descriptors[index]! })),
    keepsChildren: true,
  });
  return piped({ pid, exited, descriptors, pipes: ends.map(({ stream }) => stream) });
}

async function fromHere({ file, args, env, descriptors }: PipedOptions): Promise<PipedProcess> {
  const [command, words] = tiedToParent(file, args);
  const child = spawn(command, words, {
    env: env as NodeJS.ProcessEnv,
    detached: true,
    stdio: descriptors.map(() => 'pipe' as const),
  });
  await once(child, 'spawn');
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  return piped({ pid: child.pid!, exited, descriptors, pipes: child.stdio as unknown as Pipe['stream'][] });
}

function piped({
  pid,
  exited,
  descriptors,
  pipes,
}: Pick<PipedOptions, 'descriptors'> & Pick<PipedProcess, 'pipes'> & Spawned): PipedProcess {
  let running = true;
  const outputs = pipes.filter((_, index) => descriptors[index] === 'out');
  const closed = outputs.map((output) => new Promise((resolve) => output.once('close', resolve)));
  const ended = exited.then(async (end) => {
    running = false;
    // What nobody reads (any more) shall not be waited for: who read it may go away only now, and leave it paused.
    for (const output of outputs) output.on('pause', () => output.resume()).resume();
    await Promise.all(closed);
    return end;
  });
  return {
    pipes,
    ended,
    // Once it is reaped its number may be another process's.
    signal: (name) => {
      if (running) signalProcessGroup(pid, name);
    },
  };
}
