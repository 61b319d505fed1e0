import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TagboatError } from '@tagboat/base';
import { tiedToParent } from './run.ts';
import { type CommandStart, type StartCommand, signalProcessGroup } from './start-command.ts';

export interface SpawnOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Its descriptors, from 0 on: pipes or files by their paths, opened before `spawn` resolves. Without any it has nothing. */
  readonly descriptors?: readonly SpawnDescriptor[];
  /** Leaves running what the process leaves behind; else its group is killed at its end. */
  readonly keepsChildren?: boolean;
}

/** `in`: it reads from there. */
export type SpawnDescriptor = 'ignore' | { readonly path: string; readonly access: 'in' | 'out' };

export interface Spawned {
  /** It leads a process group of this number. */
  readonly pid: number;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export type SpawnerRequest =
  | (SpawnOptions & { readonly kind: 'spawn'; readonly id: number })
  | (CommandStart & { readonly kind: 'run'; readonly id: number });

export type SpawnerReply =
  | {
      readonly id: number;
      readonly kind: 'output';
      readonly stream: 'stdout' | 'stderr';
      readonly data: Uint8Array;
    }
  | { readonly id: number; readonly kind: 'started'; readonly pid: number }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string }
  | {
      readonly id: number;
      readonly kind: 'ended';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

interface Open {
  readonly started: PromiseWithResolvers<number>;
  readonly exited: PromiseWithResolvers<Awaited<Spawned['exited']>>;
  readonly output?: (stream: 'stdout' | 'stderr', data: Buffer) => void;
}

/**
 * Starts processes from a small process of its own. A process is started by copying the page tables of the one that
 * starts it: 40 us for each megabyte, in which a large platform does nothing else; the small one takes less than 1 ms.
 * What it starts dies with it, and it with this process.
 */
export class Spawner implements Disposable {
  #child: ChildProcess | undefined;
  #next = 1;
  readonly #open = new Map<number, Open>();

  /** @throws `CommandNotFound` where the process cannot be started, with the reason */
  async spawn(options: SpawnOptions): Promise<Spawned> {
    const open: Open = { started: Promise.withResolvers(), exited: Promise.withResolvers() };
    const [file, args] = tiedToParent(options.file, options.args);
    this.#send(open, { ...options, kind: 'spawn', id: this.#next++, file, args });
    return { pid: await open.started.promise, exited: open.exited.promise };
  }

  /** Starts commands for `runCommand`. */
  readonly start: StartCommand = (command, output) => {
    const open: Open = { started: Promise.withResolvers(), exited: Promise.withResolvers(), output };
    const { env = process.env } = command;
    this.#send(open, { ...command, env: { ...env }, kind: 'run', id: this.#next++ });
    let running = true;
    const ended = open.started.promise
      .then(() => open.exited.promise)
      .finally(() => {
        running = false;
      });
    const kill = (pid: number) => {
      if (running) signalProcessGroup(pid, 'SIGKILL');
    };
    // Its number comes later, as a message.
    return { pid: undefined, ended, kill: () => void open.started.promise.then(kill, () => undefined) };
  };

  #send(open: Open, request: SpawnerRequest): void {
    const child = this.#process();
    this.#open.set(request.id, open);
    child.ref();
    child.channel?.ref();
    child.send(request, (error) => {
      if (error) this.#receive({ id: request.id, kind: 'failed', message: error.message });
    });
  }

  [Symbol.dispose](): void {
    this.#child?.kill('SIGKILL');
  }

  #process(): ChildProcess {
    if (this.#child) return this.#child;
    const program = fileURLToPath(new URL('./spawner-process.ts', import.meta.url));
    const options = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1'];
    const [file, args] = tiedToParent(process.execPath, [...options, program]);
    const child = spawn(file, args, {
      // Signals of the terminal are for this process, which ends what runs in its own way.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    child.on('message', (reply) => this.#receive(reply as SpawnerReply));
    child.on('error', () => this.#lost(child));
    child.on('exit', () => this.#lost(child));
    this.#child = child;
    return child;
  }

  #receive(reply: SpawnerReply): void {
    const open = this.#open.get(reply.id);
    if (!open) return;
    if (reply.kind === 'started') {
      open.started.resolve(reply.pid);
      return;
    }
    if (reply.kind === 'output') {
      open.output?.(reply.stream, Buffer.from(reply.data));
      return;
    }
    this.#open.delete(reply.id);
    if (reply.kind === 'ended') open.exited.resolve({ code: reply.code, signal: reply.signal });
    else open.started.reject(new TagboatError(reply.message, { reason: 'CommandNotFound' }));
    if (this.#open.size > 0) return;
    this.#child?.unref();
    this.#child?.channel?.unref();
  }

  /** Without the spawner nothing that it started runs any more; the next process gets a new one. */
  #lost(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    for (const { started, exited } of this.#open.values()) {
      started.reject(new TagboatError('the process that starts others has ended', { reason: 'Unavailable' }));
      exited.resolve({ code: null, signal: 'SIGKILL' });
    }
    this.#open.clear();
  }
}

/** This process's own. */
export const spawner = new Spawner();
