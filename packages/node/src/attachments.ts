import { PassThrough } from 'node:stream';
import type { ExecSession } from '@tagboat/api';
import type { ContainerOutput, RunningContainer } from './driver.ts';
import { nothing } from './exec-session.ts';

/** Bytes that one who attached may be behind; who is slower misses output rather than stopping the container. */
const patience = 8 * 2 ** 20;

interface Attachment {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

/** Who is attached to one container, and gets what it writes from then on. */
export class Attachments {
  readonly #attached = new Set<Attachment>();

  readonly output: ContainerOutput = (stream, data) => {
    for (const { [stream]: target } of this.#attached)
      if (target.writableLength < patience) target.write(Buffer.from(data));
  };

  attach(
    running: RunningContainer,
    options: { stdin: boolean; tty: boolean; stdinOnce: boolean },
  ): ExecSession {
    const attachment = { stdout: new PassThrough(), stderr: new PassThrough() };
    this.#attached.add(attachment);
    const detach = () => {
      this.#attached.delete(attachment);
      attachment.stdout.end();
      attachment.stderr.end();
    };
    const exitCode = running.exited.then((exit) => {
      detach();
      return exit.exitCode;
    });
    const input = options.stdin ? running.input : undefined;
    return {
      stdout: attachment.stdout,
      stderr: options.tty ? nothing : attachment.stderr,
      exitCode,
      write: async (data) => input?.write(data),
      endInput: () => {
        if (options.stdinOnce) input?.end();
      },
      resize: (size) => running.input?.resize(size),
      async [Symbol.asyncDispose]() {
        detach();
      },
    };
  }
}
