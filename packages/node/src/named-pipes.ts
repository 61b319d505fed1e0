import { closeSync, constants, openSync, rmSync, unlinkSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { runChecked } from '@tagboat/process';

export interface Pipe {
  readonly output: Readable;
  /** The writing end, for a child; to be closed here once the child has it. */
  readonly descriptor: number;
}

const batch = 32;
const enough = 8;

/**
 * Pipes for what processes write. What Node itself hands to children are sockets, which cannot be opened again by
 * name: `echo > /dev/stderr` fails on them. Named pipes can, by any user; they are made in batches.
 */
class NamedPipes {
  readonly #free: string[] = [];
  #directory: Promise<string> | undefined;
  #making: Promise<void> | undefined;
  #made = 0;

  /** Undefined where the host cannot make any. */
  async take(): Promise<Pipe | undefined> {
    if (process.platform !== 'linux') return undefined;
    if (this.#free.length < enough) this.#making ??= this.#make();
    if (this.#free.length === 0) await this.#making;
    const path = this.#free.pop();
    if (path === undefined) return undefined;
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const descriptor = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    return { output: new Socket({ fd: reading, readable: true, writable: false }), descriptor };
  }

  async #make(): Promise<void> {
    try {
      this.#directory ??= temporaryDirectory();
      const directory = await this.#directory;
      const paths = Array.from({ length: batch }, () => join(directory, String(this.#made++)));
      await runChecked('mkfifo', ['-m', '666', ...paths]);
      this.#free.push(...paths);
    } catch {
      // Then processes get sockets, as everywhere else.
    } finally {
      this.#making = undefined;
    }
  }
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-pipes-'));
  await chmod(directory, 0o700);
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const namedPipes = new NamedPipes();

export function closeDescriptor(pipe: Pipe | undefined): void {
  if (pipe) closeSync(pipe.descriptor);
}
