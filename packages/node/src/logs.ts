import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, notFound } from '@tagboat/base';
import type { NodeLayout } from './layout.ts';

const longestLine = 16 * 1024;

/** Values that must not appear in a log, longest first, so that no part of a longer one remains. */
export class SecretMask {
  readonly #values: readonly string[];

  constructor(values: Iterable<string>) {
    const lines = [...values].flatMap((value) => [value, ...value.split('\n')]).map((value) => value.trim());
    this.#values = [...new Set(lines)]
      .filter((value) => value.length >= 4)
      .sort((a, b) => b.length - a.length);
  }

  apply(text: string): string {
    let masked = text;
    for (const value of this.#values) masked = masked.replaceAll(value, '***');
    return masked;
  }
}

/**
 * Writes one container's output as the CRI log format has it: `<RFC 3339 time> <stdout|stderr> <F|P> <text>`, so that a
 * line holds its stream and time. Text is masked before it reaches the disk.
 */
export class LogWriter {
  readonly #stream: WriteStream;
  readonly #clock: Clock;
  readonly #mask: SecretMask;
  readonly #rest = { stdout: '', stderr: '' };
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  readonly #tail: string[] = [];

  private constructor(stream: WriteStream, clock: Clock, mask: SecretMask) {
    this.#stream = stream;
    this.#clock = clock;
    this.#mask = mask;
  }

  static async open(path: string, clock: Clock, mask: SecretMask): Promise<LogWriter> {
    await mkdir(dirname(path), { recursive: true });
    return new LogWriter(createWriteStream(path, { flags: 'a', mode: 0o600 }), clock, mask);
  }

  write(name: 'stdout' | 'stderr', data: Uint8Array | string): void {
    const text = typeof data === 'string' ? data : this.#decoders[name].decode(data, { stream: true });
    const lines = (this.#rest[name] + text).split('\n');
    this.#rest[name] = lines.pop() ?? '';
    for (const line of lines) this.#line(name, line);
    while (this.#rest[name].length > longestLine) {
      this.#line(name, this.#rest[name].slice(0, longestLine), 'P');
      this.#rest[name] = this.#rest[name].slice(longestLine);
    }
  }

  /** The last lines that were written, for messages. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Resolves when all is handed to the file. */
  async close(): Promise<void> {
    for (const name of ['stdout', 'stderr'] as const) {
      if (this.#rest[name] !== '') this.#line(name, this.#rest[name]);
      this.#rest[name] = '';
    }
    await new Promise<void>((resolve) => this.#stream.end(resolve));
  }

  #line(name: string, line: string, tag = 'F'): void {
    const masked = this.#mask.apply(line.endsWith('\r') ? line.slice(0, -1) : line);
    this.#stream.write(`${new Date(this.#clock.now()).toISOString()} ${name} ${tag} ${masked}\n`);
    this.#tail.push(masked);
    if (this.#tail.length > 20) this.#tail.shift();
  }
}

export interface LogOptions {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Only the last so many lines. */
  readonly tailLines?: number;
  readonly timestamps?: boolean;
  /** Go on with what is written until `done` says that nothing more comes. */
  readonly follow?: { readonly done: () => Promise<boolean> | boolean; readonly signal: AbortSignal };
}

const followInterval = 150;

/** Reads what `LogWriter` wrote, while and after it is written. */
export class LogReader {
  readonly #layout: NodeLayout;

  constructor(layout: NodeLayout) {
    this.#layout = layout;
  }

  /** The containers of a pod that have logs. */
  async containers(namespace: string, pod: string): Promise<string[]> {
    const names = await readdir(this.#layout.podLogs(namespace, pod)).catch(() => []);
    return names.filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -4));
  }

  /** Yields text, whole lines at a time. @throws `NotFound` when there is no log and nothing is followed. */
  async *read(options: LogOptions): AsyncGenerator<string> {
    const path = this.#layout.containerLog(options.namespace, options.pod, options.container);
    if (!(await exists(path)) && !options.follow)
      throw notFound(`no log of container "${options.container}" of pod ${options.namespace}/${options.pod}`);
    let offset = 0;
    let rest = '';
    let first = true;
    for (;;) {
      const done = options.follow ? await options.follow.done() : true;
      const chunk = await readFrom(path, offset);
      offset += chunk.length;
      const text = rest + chunk.toString('utf8');
      const end = text.lastIndexOf('\n') + 1;
      rest = text.slice(end);
      let lines = text.slice(0, end).split('\n').slice(0, -1);
      if (first && options.tailLines !== undefined) lines = lines.slice(-options.tailLines || lines.length);
      first = false;
      if (lines.length > 0) yield lines.map((line) => format(line, options.timestamps ?? false)).join('');
      if (chunk.length > 0) continue;
      if (done || options.follow?.signal.aborted) return;
      await pause(options.follow!.signal);
    }
  }
}

function format(line: string, timestamps: boolean): string {
  const match = /^(\S+) (\S+) ([FP]) (.*)$/s.exec(line);
  if (!match) return `${line}\n`;
  const text = match[3] === 'P' ? match[4]! : `${match[4]}\n`;
  return timestamps ? `${match[1]} ${text}` : text;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readFrom(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return Buffer.alloc(0);
  try {
    const buffer = Buffer.alloc(1 << 20);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, followInterval);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end, { once: true });
  });
}
