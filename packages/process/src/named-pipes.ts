import { closeSync, constants, openSync, rmSync, unlinkSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './alive.ts';
import { spawner } from './spawner.ts';

export interface Pipe {
  /** This process's end. */
  readonly stream: Socket;
  /** The other end, for a child; to be closed here once the child has it. */
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

  /** A pipe that a child writes to; undefined where the host cannot make any. */
  take(): Promise<Pipe | undefined> {
    return this.#take(readFrom);
  }

  /** A pipe that a child reads from; undefined where the host cannot make any. */
  takeInput(): Promise<Pipe | undefined> {
    return this.#take(writeTo);
  }

  async #take(open: (path: string) => Pipe | undefined): Promise<Pipe | undefined> {
    if (process.platform !== 'linux') return undefined;
    for (let attempt = 0; attempt < 2; attempt++) {
      if (this.#free.length < enough) this.#making ??= this.#make();
      if (this.#free.length === 0) await this.#making;
      const path = this.#free.pop();
      const pipe = path === undefined ? undefined : open(path);
      if (pipe) return pipe;
      // Temporary files may be removed by others.
      this.#free.length = 0;
      this.#directory = undefined;
    }
    return undefined;
  }

  async #make(): Promise<void> {
    try {
      this.#directory ??= temporaryDirectory();
      const directory = await this.#directory;
      const paths = Array.from({ length: batch }, () => join(directory, String(this.#made++)));
      const { exited } = await spawner.spawn({
        file: 'mkfifo',
        args: ['-m', '666', ...paths],
        cwd: directory,
        env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
      });
      if ((await exited).code === 0) this.#free.push(...paths);
    } catch {
      // Then processes get sockets, as everywhere else.
    } finally {
      this.#making = undefined;
    }
  }
}

function readFrom(path: string): Pipe | undefined {
  const ends = opened(path, constants.O_WRONLY);
  if (!ends) return undefined;
  return {
    stream: new Socket({ fd: ends.reading, readable: true, writable: false }),
    descriptor: ends.writing,
  };
}

function writeTo(path: string): Pipe | undefined {
  const ends = opened(path, constants.O_WRONLY | constants.O_NONBLOCK);
  if (!ends) return undefined;
  return {
    stream: new Socket({ fd: ends.writing, readable: false, writable: true }),
    descriptor: ends.reading,
  };
}

/** Opens both ends, the reading one first, and takes the name away. Undefined where it is gone. */
function opened(path: string, toWrite: number): { reading: number; writing: number } | undefined {
  let reading: number | undefined;
  try {
    reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writing = openSync(path, toWrite);
    unlinkSync(path);
    return { reading, writing };
  } catch {
    if (reading !== undefined) closeSync(reading);
    return undefined;
  }
}

const prefix = 'tagboat-pipes-';

async function temporaryDirectory(): Promise<string> {
  await removeLeftovers();
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  await chmod(directory, 0o700);
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Removes what processes that were killed left. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    // Another process may be at it too, or they may be another user's.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

export const namedPipes = new NamedPipes();

/** Where another process of this user can open the child's end. */
export const pathOf = ({ descriptor }: Pipe) => `/proc/${process.pid}/fd/${descriptor}`;

export function closeDescriptor(pipe: Pipe | undefined): void {
  if (pipe) closeSync(pipe.descriptor);
}
