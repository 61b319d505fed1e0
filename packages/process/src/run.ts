import { existsSync } from 'node:fs';
import { TagboatError } from '@tagboat/base';
import { type StartCommand, type StartedCommand, startHere } from './start-command.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment of the child. Default: this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Uint8Array;
  /** Lets everything else go first: for what nobody waits for. */
  readonly background?: boolean;
  /** Kills the child (and what it started, where it leads a group) when aborted. */
  readonly signal?: AbortSignal;
  /** The child is killed after this many milliseconds. */
  readonly timeout?: number;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', data: Buffer) => void;
  /**
   * More output than this many bytes per stream is dropped from the result, which then says `cut`. Absent: a command
   * that writes more than 16 MiB to stdout is killed, unless `onOutput` takes what it writes.
   */
  readonly maxOutput?: number;
}

export interface CommandResult {
  /** The exit code, or 128 + the number of the signal that ended it, as a shell tells it. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Whether something of `stdout` was dropped. */
  readonly cut: boolean;
}

const usualOutput = 16 * 2 ** 20;

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** The code a shell shows for a process that ended this way. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? (signalNumbers[signal] ?? 0) : 0);
}

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/**
 * The command line with `setpriv --pdeathsig KILL` in front where the host has it, so that the kernel ends the child
 * when this process dies, however it dies. What the first process of a container starts ends with it anyhow
 * (pid_namespaces(7)).
 */
export function tiedToParent(command: string, args: readonly string[]): readonly [string, string[]] {
  const tie = process.pid === 1 ? undefined : setpriv;
  return tie ? [tie, ['--pdeathsig', 'KILL', '--', command, ...args]] : [command, [...args]];
}

/** Of the groups that Linux makes of sessions, priorities within one mean nothing to the others (sched(7), autogroup). */
const inBackground = '{ echo 19 > /proc/self/autogroup; } 2>/dev/null; exec nice -n 19 "$@"';

let start: StartCommand = startHere;

/** From now on commands are started in another way. @returns the way until now */
export function startCommandsWith(other: StartCommand): StartCommand {
  const before = start;
  start = other;
  return before;
}

/**
 * Runs a command to its end and returns its exit code and output, whatever the code is. The child leads its own
 * process group and dies with this process.
 * @throws `CommandNotFound` when it cannot be started; `Timeout`; `Cancelled` when the signal aborts; `OutputTooLarge`.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  if (options.signal?.aborted) {
    reject(new TagboatError(`${command} was cancelled`, { reason: 'Cancelled' }));
    return promise;
  }
  const [file, fileArgs] = options.background
    ? tiedToParent('/bin/sh', ['-c', inBackground, 'sh', command, ...args])
    : tiedToParent(command, args);
  const { maxOutput = usualOutput } = options;
  const kept = { stdout: keep(maxOutput), stderr: keep(maxOutput) };
  const endsWhenCut = options.maxOutput === undefined && options.onOutput === undefined;
  const { cwd, env, stdin } = options;
  // Whatever of the output is kept, these are the words of who could not start the program.
  let lastWords = '';
  const child = start({ file, args: fileArgs, cwd, env, stdin }, (stream, data) => {
    options.onOutput?.(stream, data);
    kept[stream].add(data);
    if (endsWhenCut && kept.stdout.cut)
      early.end('OutputTooLarge', `${command} wrote more than ${maxOutput / 2 ** 20} MiB`);
    if (stream === 'stderr') lastWords = (lastWords + data.toString('utf8')).slice(-500);
  });
  const early = endEarly(command, options, child);
  child.ended
    .finally(() => early[Symbol.dispose]())
    .then(
      ({ code, signal }) => {
        const result = {
          code: exitCode(code, signal),
          stdout: kept.stdout.all(),
          stderr: kept.stderr.all().toString(),
          cut: kept.stdout.cut,
        };
        if (early.reason) reject(early.reason);
        else if (file !== command && result.code === 127 && /failed to execute|^nice: /m.test(lastWords))
          reject(cannotStart(command, 'no such program'));
        else resolve(result);
      },
      (cause: Error) => reject(cannotStart(command, cause.message, cause)),
    );
  return promise;
}

const cannotStart = (command: string, why: string, cause?: Error) =>
  new TagboatError(`cannot start ${command}: ${why}`, { reason: 'CommandNotFound', cause });

/** Kills a command that is cancelled, takes too long or writes too much; `reason` says which. */
function endEarly(command: string, { signal, timeout }: CommandOptions, child: StartedCommand) {
  const early: Disposable & { reason?: TagboatError; end(reason: string, message: string): void } = {
    end(reason, message) {
      early.reason ??= new TagboatError(message, { reason });
      child.kill();
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
  const abort = () => early.end('Cancelled', `${command} was cancelled`);
  signal?.addEventListener('abort', abort, { once: true });
  const late = () => early.end('Timeout', `${command} did not finish within ${timeout} ms`);
  const timer = timeout === undefined ? undefined : setTimeout(late, timeout);
  return early;
}

/** Runs a command that must succeed. @throws `CommandFailed` with the end of its stderr when its code is not 0. */
export async function runChecked(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(command, args, options);
  if (result.code !== 0) {
    const tail = result.stderr.trim().split('\n').slice(-5).join('\n');
    throw new TagboatError(`${command} ${args[0] ?? ''} ended with code ${result.code}: ${tail}`, {
      reason: 'CommandFailed',
    });
  }
  return result;
}

function keep(limit: number) {
  const parts: Buffer[] = [];
  let size = 0;
  return {
    add(data: Buffer) {
      if (size < limit) parts.push(data);
      size += data.length;
    },
    get cut() {
      return size > limit;
    },
    all: () => Buffer.concat(parts).subarray(0, limit),
  };
}
