import type { ExecSession } from '@tagboat/api';
import type { Logger } from '@tagboat/base';
import type Dockerode from 'dockerode';
import type { ContainerCommand, ContainerInput } from './driver.ts';
import { type EngineStream, splitStream, writeTo } from './engine-streams.ts';

/** A running container of an engine. */
export interface ExecTarget {
  readonly container: Dockerode.Container;
  /** Resolves when it has ended. */
  readonly exited: Promise<unknown>;
  readonly modem: unknown;
  readonly log: Logger;
}

/** Runs a command beside what a container runs. */
export async function execInEngine(
  { container, exited, modem, log }: ExecTarget,
  { command, stdin, tty }: ContainerCommand,
): Promise<ExecSession> {
  const exec = await container.exec({
    Cmd: [...command],
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
  });
  const stream = (await exec.start({ hijack: true, stdin, Tty: tty })) as unknown as EngineStream;
  const { stdout, stderr } = splitStream(stream, modem as never, tty);
  const over = new Promise<void>((resolve) => stream.on('close', resolve).on('end', resolve));
  const exitCode = Promise.race([over, exited]).then(async () => {
    const { ExitCode } = await exec.inspect().catch(() => ({ ExitCode: 137 }));
    return ExitCode ?? 137;
  });
  const input = inputOf(stream, (size) => exec.resize({ h: size.rows, w: size.columns }));
  return {
    stdout,
    stderr,
    exitCode,
    write: (data) => (stdin ? input.write(data) : Promise.resolve()),
    endInput: () => stdin && input.end(),
    resize: (size) => input.resize(size),
    [Symbol.asyncDispose]: () => endExec(exec, { stream, log }),
  };
}

/** Engines have no way to end what they execute but its own pid. */
async function endExec(
  exec: Dockerode.Exec,
  { stream, log }: { stream: EngineStream; log: Logger },
): Promise<void> {
  const { Running, Pid } = await exec.inspect().catch(() => ({ Running: false, Pid: 0 }));
  if (Running && Pid)
    try {
      process.kill(Pid, 'SIGKILL');
    } catch (error) {
      log.debug('what was executed has ended by itself', { error });
    }
  stream.destroy();
}

/** The input of a container or a command, by the connection that carries it. */
export function inputOf(
  stream: EngineStream,
  resize: (size: { columns: number; rows: number }) => Promise<unknown>,
): ContainerInput {
  stream.on('error', () => undefined);
  return {
    write: (data) => writeTo(stream, data),
    end: () => stream.end(),
    resize: (size) => {
      // Until it has started, and once it has ended, there is nothing to resize.
      void resize(size).catch(() => undefined);
    },
  };
}
