import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ContainerKey } from '@tagboat/api';
import { type Clock, notFound } from '@tagboat/base';
import type { NodeLayout } from './layout.ts';
import { LogWriter, rotatedPath } from './log-writer.ts';
import type { SecretMask } from './secret-mask.ts';

export interface ReadOptions extends ContainerKey {
  /** Only the last so many lines. */
  readonly tailLines?: number | undefined;
  readonly sinceTime?: string | undefined;
  readonly limitBytes?: number | undefined;
  readonly timestamps?: boolean | undefined;
  readonly previous?: boolean | undefined;
  /** Go on with what is written until the container has ended. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of one log file of a container; one more is kept beside the newest. */
const defaultRotateAt = 32 * 2 ** 20;
const never = new AbortController().signal;

/** The logs of containers: written by the workers, read while and after they are written. */
export class ContainerLogs {
  readonly #layout: NodeLayout;
  readonly #clock: Clock;
  readonly #rotateAt: number;
  readonly #live = new Map<string, LogWriter>();

  constructor(layout: NodeLayout, clock: Clock, rotateAt = defaultRotateAt) {
    this.#layout = layout;
    this.#clock = clock;
    this.#rotateAt = rotateAt;
  }

  /** Begins the log of a container's new life; that of the life before it becomes the previous one. */
  async open(key: ContainerKey, mask: SecretMask): Promise<LogWriter> {
    const path = this.#path(key, false);
    const previous = this.#path(key, true);
    mkdirSync(dirname(path), { recursive: true });
    if (moved(path, previous)) rmSync(rotatedPath(previous), { force: true });
    moved(rotatedPath(path), rotatedPath(previous));
    const writer = await LogWriter.open({
      path,
      mask,
      clock: this.#clock,
      rotateAt: this.#rotateAt,
      closed: () => {
        if (this.#live.get(path) === writer) this.#live.delete(path);
      },
    });
    this.#live.set(path, writer);
    return writer;
  }

  /** True while the container's output is being written. */
  isLive(key: ContainerKey): boolean {
    return this.#live.has(this.#path(key, false));
  }

  /** True while something below the directory is being written. */
  isWriting(directory: string): boolean {
    return [...this.#live.keys()].some((path) => dirname(path) === directory);
  }

  /** Yields text, whole lines at a time. @throws `NotFound` when there is no log */
  async *read(options: ReadOptions): AsyncGenerator<string> {
    const path = this.#path(options, options.previous ?? false);
    const writer = options.previous ? undefined : this.#live.get(path);
    const files = await openAll([rotatedPath(path), path]);
    if (files.length === 0)
      throw notFound(`no log of container "${options.container}" of pod ${options.namespace}/${options.pod}`);
    const format = new LineFormat(options);
    try {
      yield* format.limited(this.#lines({ options, path, writer, files }));
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
  }

  async *#lines(input: {
    options: ReadOptions;
    path: string;
    writer: LogWriter | undefined;
    files: FileHandle[];
  }): AsyncGenerator<string[]> {
    const { options, path, writer, files } = input;
    const signal = options.signal ?? never;
    const start = await tailStart(files, options.tailLines);
    let rotations = writer?.rotations ?? 0;
    for (const file of files.slice(start.file, -1)) {
      yield* new LineReader(file, file === files[start.file] ? start.offset : 0).lines();
    }
    let current = new LineReader(files.at(-1)!, start.file === files.length - 1 ? start.offset : 0);
    for (;;) {
      const version = writer?.version ?? 0;
      const ended = !options.follow || !writer || writer.closed;
      yield* current.lines();
      if (signal.aborted) return;
      if (writer && writer.rotations > rotations) {
        rotations = writer.rotations;
        const next = await open(path, 'r');
        files.push(next);
        current = new LineReader(next, 0);
        continue;
      }
      if (ended) return;
      await writer.changed(version, signal);
    }
  }

  #path({ namespace, pod, container }: ContainerKey, previous: boolean): string {
    return this.#layout.containerLog(namespace, pod, previous ? `${container}.previous` : container);
  }
}

/** Lines of a file from an offset on; asked again, those that came since. */
class LineReader {
  readonly #file: FileHandle;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  async *lines(): AsyncGenerator<string[]> {
    const buffer = Buffer.alloc(1 << 18);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const data = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      const end = data.lastIndexOf(10) + 1;
      this.#rest = Buffer.from(data.subarray(end));
      if (end > 0) yield data.toString('utf8', 0, end - 1).split('\n');
    }
  }
}

/** Lines of the CRI format as they are asked for. */
class LineFormat {
  readonly #timestamps: boolean;
  readonly #since: number;
  #left: number;
  #inLine = false;

  constructor({ timestamps, sinceTime, limitBytes }: ReadOptions) {
    this.#timestamps = timestamps ?? false;
    this.#since = sinceTime === undefined ? Number.NEGATIVE_INFINITY : Date.parse(sinceTime);
    this.#left = limitBytes ?? Number.POSITIVE_INFINITY;
  }

  async *limited(lines: AsyncIterable<string[]>): AsyncGenerator<string> {
    for await (const some of lines) {
      const text = some.map((line) => this.#format(line)).join('');
      if (text === '') continue;
      const bytes = Buffer.byteLength(text);
      if (bytes > this.#left) {
        yield Buffer.from(text).toString('utf8', 0, this.#left);
        return;
      }
      this.#left -= bytes;
      yield text;
    }
  }

  #format(line: string): string {
    const match = /^(\S+) (\S+) ([FP]) (.*)$/s.exec(line);
    if (!match) return `${line}\n`;
    const [, time, , tag, words] = match;
    if (Date.parse(time!) < this.#since) return '';
    const begin = this.#timestamps && !this.#inLine ? `${time} ` : '';
    this.#inLine = tag === 'P';
    return `${begin}${words}${tag === 'P' ? '' : '\n'}`;
  }
}

/** Where the last so many lines begin. */
async function tailStart(
  files: readonly FileHandle[],
  count: number | undefined,
): Promise<{ file: number; offset: number }> {
  if (count === undefined) return { file: 0, offset: 0 };
  // The newline that ends the last line begins none.
  let left = count + 1;
  const buffer = Buffer.alloc(1 << 16);
  for (let index = files.length - 1; index >= 0; index--) {
    const file = files[index]!;
    let end = (await file.stat()).size;
    while (end > 0) {
      const from = Math.max(0, end - buffer.length);
      const { bytesRead } = await file.read(buffer, 0, end - from, from);
      for (let at = bytesRead - 1; at >= 0; at--)
        if (buffer[at] === 10 && --left === 0) return { file: index, offset: from + at + 1 };
      end = from;
    }
  }
  return { file: 0, offset: 0 };
}

async function openAll(paths: readonly string[]): Promise<FileHandle[]> {
  const files = await Promise.all(paths.map((path) => ifPresent(open(path, 'r'))));
  return files.filter((file) => file !== undefined);
}

function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

async function ifPresent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
