import { spawn as spawnChild } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { describeError } from '@tagboat/base';
import {
  closeDescriptor,
  exitCode,
  namedPipes,
  type Pipe,
  pathOf,
  signalGroup,
  signalProcessGroup,
  spawner,
  tiedToParent,
} from '@tagboat/process';
import type { ContainerExit, ContainerInput } from './driver.ts';

export interface ProcessOptions {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Leaves running what the process leaves behind (its container ends it); else it is killed. */
  readonly keepsChildren?: boolean;
}

/** A process with its streams; it leads a group of its own and dies with this one. */
export interface AttachedProcess {
  readonly pid: number | undefined;
  readonly stdout: Readable;
  /** Absent with a terminal, which has one stream. */
  readonly stderr: Readable | undefined;
  readonly input: ContainerInput | undefined;
  /** Resolves when the process has ended; what it wrote may still be unread. */
  readonly exited: Promise<ContainerExit>;
  signal(name: NodeJS.Signals): void;
}

export async function startProcess(options: ProcessOptions): Promise<AttachedProcess> {
  if (options.tty) return withTerminal(options);
  const [stdout, stderr] = await Promise.all([namedPipes.take(), namedPipes.take()]);
  try {
    // Where there are no named pipes, and for those who write to a process, it is started from here.
    if (!stdout || !stderr || options.stdin) return withPipes(options, stdout, stderr);
    return await fromSpawner(options, stdout, stderr);
  } finally {
    closeDescriptor(stdout);
    closeDescriptor(stderr);
  }
}

async function fromSpawner(options: ProcessOptions, out: Pipe, err: Pipe): Promise<AttachedProcess> {
  const [file, ...args] = options.command;
  const [stdout, stderr] = [relay(out.stream), relay(err.stream)];
  const end = () => {
    stdout.end();
    stderr.end();
  };
  try {
    const { pid, exited } = await spawner.spawn({
      file,
      args,
      cwd: options.cwd,
      env: options.environment,
      descriptors: ['ignore', { path: pathOf(out), access: 'out' }, { path: pathOf(err), access: 'out' }],
      keepsChildren: options.keepsChildren ?? false,
    });
    return {
      pid,
      stdout: stdout.sink,
      stderr: stderr.sink,
      input: undefined,
      exited: exited.then(({ code, signal }) => {
        end();
        return { exitCode: exitCode(code, signal) };
      }),
      signal: (name) => signalProcessGroup(pid, name),
    };
  } catch (error) {
    end();
    const exited = Promise.resolve({ exitCode: 127, startError: describeError(error) });
    return {
      pid: undefined,
      stdout: stdout.sink,
      stderr: stderr.sink,
      input: undefined,
      exited,
      signal: () => undefined,
    };
  }
}

/** Hands output on; `end` when its process has ended. */
function relay(source: Readable): { sink: PassThrough; end(): void } {
  const sink = new PassThrough();
  source.pipe(sink);
  return { sink, end: () => endWhenQuiet(source, sink) };
}

/** How long (milliseconds) output is awaited after the end of a process, where others hold it open. */
const drainTime = 500;

function withPipes(options: ProcessOptions, out: Pipe | undefined, err: Pipe | undefined): AttachedProcess {
  const [file, args] = tiedToParent(options.command[0], options.command.slice(1));
  const child = spawnChild(file, args, {
    cwd: options.cwd,
    env: { ...options.environment },
    detached: true,
    stdio: [options.stdin ? 'pipe' : 'ignore', out?.descriptor ?? 'pipe', err?.descriptor ?? 'pipe'],
  });
  const { promise: exited, resolve } = Promise.withResolvers<ContainerExit>();
  const stdout = relay(out?.stream ?? child.stdout!);
  const stderr = relay(err?.stream ?? child.stderr!);
  child.on('error', (error) => {
    stdout.sink.end();
    stderr.sink.end();
    resolve({ exitCode: 127, startError: error.message });
  });
  child.on('exit', (code, signal) => {
    // What the first process leaves running ends with it, and must not hold the pipes open.
    if (!options.keepsChildren) signalGroup(child, 'SIGKILL');
    stdout.end();
    stderr.end();
    resolve({ exitCode: exitCode(code, signal) });
  });
  child.stdin?.on('error', () => undefined);
  const { stdin } = child;
  const input: ContainerInput | undefined = stdin
    ? {
        write: (data) => new Promise((done) => void stdin.write(data, () => done())),
        end: () => void stdin.end(),
        resize: () => undefined,
      }
    : undefined;
  return {
    pid: child.pid,
    stdout: stdout.sink,
    stderr: stderr.sink,
    input,
    exited,
    signal: (name) => signalGroup(child, name),
  };
}

/** Ends the sink though something still holds its source open, once nothing has come for a while. */
function endWhenQuiet(source: Readable, sink: PassThrough): void {
  // A sink that has ended says so no second time: a timer would wait for it for ever, and keep the platform from ending.
  if (sink.writableEnded) return;
  let quiet = true;
  source.on('data', () => {
    quiet = false;
  });
  const timer = setInterval(() => {
    if (!quiet || sink.writableNeedDrain) {
      quiet = true;
      return;
    }
    clearInterval(timer);
    source.unpipe(sink);
    source.destroy();
    sink.end();
  }, drainTime);
  timer.unref();
  sink.on('finish', () => clearInterval(timer));
}

function withTerminal(options: ProcessOptions): AttachedProcess {
  const [file, args] = tiedToParent(options.command[0], options.command.slice(1));
  const terminal = spawnTerminal(file, args, {
    cwd: options.cwd,
    env: { TERM: 'xterm', ...options.environment },
    encoding: null,
    cols: 80,
    rows: 24,
  });
  const { promise: exited, resolve } = Promise.withResolvers<ContainerExit>();
  const stdout = new Readable({ read: () => terminal.resume() });
  terminal.onData((data) => {
    if (!stdout.push(data)) terminal.pause();
  });
  let ended = false;
  terminal.onExit((end) => {
    ended = true;
    stdout.push(null);
    if (!options.keepsChildren) signalProcessGroup(terminal.pid, 'SIGKILL');
    resolve({ exitCode: end.signal ? 128 + end.signal : end.exitCode });
  });
  return {
    pid: terminal.pid,
    stdout,
    stderr: undefined,
    exited,
    input: {
      write: async (data) => {
        if (!ended) terminal.write(Buffer.from(data) as unknown as string);
      },
      // A terminal has no end of input but this character.
      end: () => {
        if (!ended) terminal.write('\x04');
      },
      resize: ({ columns, rows }) => {
        if (!ended && columns > 0 && rows > 0) terminal.resize(columns, rows);
      },
    },
    signal: (name) => {
      // What entered a sandbox leads a session of its own there.
      for (const child of childrenOf(terminal.pid)) signalProcess(child, name);
      signalProcessGroup(terminal.pid, name);
    },
  };
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    // It has ended, or the host has no such file: then the group is all there is.
    return [];
  }
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
