import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PodStep } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';

/** What a file holds of a step's output at most. */
const mostBytes = 256 * 2 ** 20;

export interface StepOutput {
  write(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /** Resolves when all is in the files. */
  close(): Promise<void>;
}

/**
 * The files that a step's `stdoutConfig` and `stderrConfig` name; both may name the same.
 * @param hostPath gives the host's path of one that the step sees; it throws where that leads out of the volume
 * @throws `InvalidOutputPath` where a path belongs to no volume of the step, or cannot be opened
 */
export async function openStepOutput(
  step: PodStep,
  hostPath: (path: string) => string | undefined,
): Promise<StepOutput> {
  const files = new Map<string, OutputFile>();
  const streams: { stdout?: OutputFile; stderr?: OutputFile } = {};
  for (const [stream, path] of [
    ['stdout', step.stdoutPath],
    ['stderr', step.stderrPath],
  ] as const) {
    if (path === undefined) continue;
    const file = files.get(path) ?? new OutputFile(await openFile(path, hostPath(path)));
    files.set(path, file);
    streams[stream] = file;
  }
  return {
    write: (stream, data) => streams[stream]?.write(data),
    close: async () => {
      await Promise.all([...files.values()].map((file) => file.close()));
    },
  };
}

async function openFile(path: string, found: string | undefined): Promise<FileHandle> {
  const wrong = (why: string) =>
    new TagboatError(`the output cannot be written to "${path}": ${why}`, { reason: 'InvalidOutputPath' });
  if (found === undefined) throw wrong('no volume is mounted there');
  const directory = dirname(found);
  await mkdir(directory, { recursive: true });
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return await open(found, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o666);
  } catch (error) {
    throw wrong((error as NodeJS.ErrnoException).code ?? 'it cannot be opened');
  }
}

/** Writes one piece after the other. */
class OutputFile {
  readonly #file: FileHandle;
  #last: Promise<unknown> = Promise.resolve();
  #size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  write(data: Uint8Array): void {
    this.#size += data.length;
    if (this.#size > mostBytes) return;
    this.#last = this.#last.then(() => this.#file.appendFile(data));
    // `close` tells of it; that nobody has asked yet must not end the platform.
    this.#last.catch(() => undefined);
  }

  async close(): Promise<void> {
    try {
      await this.#last;
    } finally {
      await this.#file.close();
    }
  }
}
