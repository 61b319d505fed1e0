import { type FileHandle, open, rename } from 'node:fs/promises';
import type { Clock } from '@tagboat/base';
import type { SecretMask } from './secret-mask.ts';

const longestLine = 16 * 1024;
/** Characters that wait to be written before the container has to wait. */
const congestion = 1 << 20;
const tailLines = 80;

export interface LogWriterOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly mask: SecretMask;
  /** Bytes of a log file before it is set aside; the one set aside before it is dropped. */
  readonly rotateAt: number;
  /** Called once when nothing more will be written. */
  readonly closed: () => void;
}

/** Where the part of a log stands that was set aside when it grew large. */
export const rotatedPath = (path: string) => `${path}.1`;

/**
 * Writes one container's output as the CRI log format has it: `<RFC 3339 time> <stdout|stderr> <F|P> <text>`, so that a
 * line holds its stream and time. Text is masked before it reaches the disk. At most twice `rotateAt` is kept.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #rest = { stdout: '', stderr: '' };
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  readonly #tail: string[] = [];
  #file: FileHandle;
  #written = 0;
  #queue: string[] = [];
  #queued = 0;
  #flushing: Promise<void> | undefined;
  #lost: string | undefined;
  #rotations = 0;
  #closed = false;
  #version = 0;
  #wake: (() => void)[] = [];

  private constructor(options: LogWriterOptions, file: FileHandle) {
    this.#options = options;
    this.#file = file;
  }

  static async open(options: LogWriterOptions): Promise<LogWriter> {
    return new LogWriter(options, await open(options.path, 'a', 0o600));
  }

  /** Takes output. A promise that is returned resolves when the disk has caught up. */
  write(name: 'stdout' | 'stderr', data: Uint8Array | string): Promise<void> | undefined {
    const text = typeof data === 'string' ? data : this.#decoders[name].decode(data, { stream: true });
    const lines = (this.#rest[name] + text).split('\n');
    this.#rest[name] = lines.pop() ?? '';
    for (const line of lines) this.#line(name, line);
    while (this.#rest[name].length > longestLine) {
      this.#line(name, this.#rest[name].slice(0, longestLine), 'P');
      this.#rest[name] = this.#rest[name].slice(longestLine);
    }
    return this.#queued > congestion ? this.#flushing : undefined;
  }

  /** The last lines that were written, for messages. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Grows with everything that happens to the log. */
  get version(): number {
    return this.#version;
  }

  /** How often the log was set aside. */
  get rotations(): number {
    return this.#rotations;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when `version` is no longer the one given, or the signal aborts. */
  async changed(version: number, signal: AbortSignal): Promise<void> {
    if (this.#version !== version || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#wake.push(wake);
    });
  }

  /** Resolves when all is handed to the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    for (const name of ['stdout', 'stderr'] as const) {
      if (this.#rest[name] !== '') this.#line(name, this.#rest[name]);
      this.#rest[name] = '';
    }
    await this.#flushing;
    this.#closed = true;
    await this.#file.close();
    this.#options.closed();
    this.#tell();
  }

  #line(name: string, line: string, tag = 'F'): void {
    const masked = this.#options.mask.apply(line.endsWith('\r') ? line.slice(0, -1) : line);
    const text = `${new Date(this.#options.clock.now()).toISOString()} ${name} ${tag} ${masked}\n`;
    this.#queue.push(text);
    this.#queued += text.length;
    this.#tail.push(masked);
    if (this.#tail.length > tailLines) this.#tail.shift();
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    // What comes in one turn is written together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const text = this.#queue.join('');
      this.#queue = [];
      this.#queued = 0;
      await this.#append(text);
      this.#tell();
    }
    this.#flushing = undefined;
  }

  async #append(text: string): Promise<void> {
    try {
      if (this.#written > this.#options.rotateAt) await this.#rotate();
      const note = this.#lost === undefined ? '' : this.#lossNote(this.#lost);
      await this.#file.appendFile(note + text);
      this.#lost = undefined;
      this.#written += Buffer.byteLength(text);
    } catch (error) {
      // A full disk must not end the container; the log says so once it can be written again.
      this.#lost = (error as Error).message;
    }
  }

  #lossNote(reason: string): string {
    const time = new Date(this.#options.clock.now()).toISOString();
    return `${time} stderr F tagboat: output is missing here, the log could not be written: ${reason}\n`;
  }

  async #rotate(): Promise<void> {
    const { path } = this.#options;
    await rename(path, rotatedPath(path));
    const next = await open(path, 'a', 0o600);
    await this.#file.close();
    this.#file = next;
    this.#written = 0;
    this.#rotations++;
  }

  #tell(): void {
    this.#version++;
    for (const wake of this.#wake.splice(0)) wake();
  }
}
