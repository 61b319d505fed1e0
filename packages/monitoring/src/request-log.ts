import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, delay, type Logger } from '@tagboat/base';

/** One request to what is served, without query, headers and (unless asked for) content. */
export interface ServedRequest {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339 with milliseconds. */
  readonly time: string;
  readonly method: string;
  /** Below the service's prefix. */
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Digest of the model that answered, where it said so. */
  readonly model?: string;
  /** The beginning of the request's content, where recording it is switched on. */
  readonly input?: string;
}

export interface RequestLogOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Per service. */
  readonly most?: number;
  /** Of one of the two files. */
  readonly bytes?: number;
}

type Listener = (request: ServedRequest) => void;

/** The newest requests of each service, in memory and, a moment later, on disk. */
export class RequestLog implements AsyncDisposable {
  readonly #options: Required<RequestLogOptions>;
  readonly #requests = new Map<string, ServedRequest[]>();
  readonly #listeners = new Set<Listener>();
  readonly #stop = new AbortController();
  #unwritten: ServedRequest[] = [];
  #writing: Promise<void> | undefined;

  private constructor(options: RequestLogOptions) {
    this.#options = { most: 500, bytes: 4 * 2 ** 20, ...options };
  }

  static async open(options: RequestLogOptions): Promise<RequestLog> {
    const log = new RequestLog(options);
    await mkdir(dirname(options.file), { recursive: true });
    for (const file of [`${options.file}.1`, options.file])
      for (const request of await readRequests(file)) log.#remember(request);
    return log;
  }

  add(request: ServedRequest): void {
    this.#remember(request);
    for (const listener of this.#listeners) listener(request);
    this.#unwritten.push(request);
    if (this.#unwritten.length > 10_000) this.#unwritten.splice(0, 5000);
    this.#writing ??= this.#write();
  }

  /** Newest first. */
  recent(namespace: string, name: string, limit = 100): readonly ServedRequest[] {
    return (this.#requests.get(`${namespace}/${name}`) ?? []).slice(-limit).reverse();
  }

  /** Calls back with every new request until disposed. */
  listen(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#writing;
  }

  #remember(request: ServedRequest): void {
    const id = `${request.namespace}/${request.name}`;
    const known = this.#requests.get(id) ?? [];
    known.push(request);
    if (known.length > this.#options.most * 1.2) known.splice(0, known.length - this.#options.most);
    this.#requests.set(id, known);
  }

  /** Writes what has gathered, a second after the first of it. */
  async #write(): Promise<void> {
    const { clock, file, bytes, log } = this.#options;
    await delay(clock, 1000, this.#stop.signal);
    const requests = this.#unwritten;
    this.#unwritten = [];
    try {
      const size = await stat(file).then(
        (found) => found.size,
        () => 0,
      );
      if (size > bytes) await rename(file, `${file}.1`);
      const text = requests.map((request) => `${JSON.stringify(request)}\n`).join('');
      await appendFile(file, text, { mode: 0o600 });
    } catch (error) {
      log.warn('the recent requests could not be written', { error });
    }
    this.#writing = this.#unwritten.length > 0 ? this.#write() : undefined;
    if (this.#stop.signal.aborted) await this.#writing;
  }
}

async function readRequests(file: string): Promise<ServedRequest[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      const value = JSON.parse(line) as ServedRequest;
      return typeof value.namespace === 'string' && typeof value.name === 'string' ? [value] : [];
    } catch {
      return [];
    }
  });
}
