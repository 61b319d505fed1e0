import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isReason, TagboatError } from '@tagboat/base';
import { exitCode, signalGroup, tiedToParent } from '@tagboat/process';
import type { Dealer, Subscriber } from 'zeromq';
import { decode, encode, type Message } from './wire.ts';

export interface KernelOptions {
  /** The kernel's command line, with `{connection_file}` in it. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interruptMode?: 'signal' | 'message';
  /** Milliseconds until it must have answered (default 60 s). */
  readonly startTimeout?: number;
  readonly signal?: AbortSignal;
}

export type Listener = (message: Message) => void;

const defaultStartTimeout = 60_000;
const portAttempts = 3;
/** How long (milliseconds) a kernel may take to end in order, so that what it registered for its exit runs. */
const shutdownPatience = 2_000;

/** A running kernel: requests on its shell channel, what it publishes on its iopub channel. */
export class Kernel implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #key: string;
  readonly #session = randomUUID();
  readonly #shell: Dealer;
  readonly #control: Dealer;
  readonly #iopub: Subscriber;
  readonly #interruptMode: 'signal' | 'message';
  readonly #replies = new Map<string, (message: Message) => void>();
  readonly #listeners = new Set<Listener>();
  #exit: { code: number; stderr: string } | undefined;
  #languageInfo: Record<string, unknown> | undefined;
  readonly #stderr: () => string;
  readonly #exited = Promise.withResolvers<{ code: number; stderr: string }>();

  private constructor(parts: {
    child: ChildProcess;
    directory: string;
    key: string;
    sockets: { shell: Dealer; control: Dealer; iopub: Subscriber };
    interruptMode: 'signal' | 'message';
  }) {
    this.#child = parts.child;
    this.#directory = parts.directory;
    this.#key = parts.key;
    this.#shell = parts.sockets.shell;
    this.#control = parts.sockets.control;
    this.#iopub = parts.sockets.iopub;
    this.#interruptMode = parts.interruptMode;
    let stderr = '';
    this.#stderr = () => stderr;
    const keep = (data: Buffer) => {
      stderr = (stderr + data.toString('utf8')).slice(-8000);
    };
    parts.child.stderr?.on('data', keep);
    parts.child.stdout?.on('data', keep);
    const end = (code: number) => {
      this.#exit ??= { code, stderr };
      this.#exited.resolve(this.#exit);
    };
    parts.child.on('close', (code, signal) => end(exitCode(code, signal)));
    parts.child.on('error', (error) => {
      stderr += error.message;
      end(127);
    });
    void this.#receive(this.#shell, (message) => this.#replies.get(message.parent.msg_id ?? '')?.(message));
    void this.#receive(this.#control, (message) => this.#replies.get(message.parent.msg_id ?? '')?.(message));
    void this.#receive(this.#iopub, (message) => {
      for (const listener of this.#listeners) listener(message);
    });
  }

  /**
   * Starts a kernel and waits until it answers. Ports that somebody took in between are chosen anew.
   * @throws `KernelDied`, `KernelStartTimeout`
   */
  static async start(options: KernelOptions): Promise<Kernel> {
    for (let attempt = 1; ; attempt++)
      try {
        return await Kernel.#startOnce(options);
      } catch (error) {
        const taken = isReason(error, 'KernelDied') && /address (already )?in use/i.test(error.message);
        if (!taken || attempt === portAttempts) throw error;
      }
  }

  static async #startOnce(options: KernelOptions): Promise<Kernel> {
    const { Dealer, Subscriber } = await import('zeromq');
    const directory = await mkdtemp(join(tmpdir(), 'tagboat-kernel-'));
    const key = randomBytes(24).toString('hex');
    const ports = await freePorts(5);
    const connection = {
      transport: 'tcp',
      ip: '127.0.0.1',
      key,
      signature_scheme: 'hmac-sha256',
      shell_port: ports[0],
      iopub_port: ports[1],
      stdin_port: ports[2],
      control_port: ports[3],
      hb_port: ports[4],
    };
    const file = join(directory, 'connection.json');
    await writeFile(file, JSON.stringify(connection), { mode: 0o600 });
    const argv = options.argv.map((word) => word.replace('{connection_file}', file));
    const [command, args] = tiedToParent(argv[0]!, argv.slice(1));
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env as NodeJS.ProcessEnv,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // The kernel binds its ports some time after it started; the default is to look ten times a second.
    const often = { linger: 0, reconnectInterval: 10 };
    const sockets = {
      shell: new Dealer({ ...often, routingId: randomUUID() }),
      control: new Dealer(often),
      iopub: new Subscriber({ ...often, receiveHighWaterMark: 0 }),
    };
    sockets.shell.connect(`tcp://127.0.0.1:${ports[0]}`);
    sockets.iopub.connect(`tcp://127.0.0.1:${ports[1]}`);
    sockets.control.connect(`tcp://127.0.0.1:${ports[3]}`);
    sockets.iopub.subscribe();
    const kernel = new Kernel({
      child,
      directory,
      key,
      sockets,
      interruptMode: options.interruptMode ?? 'signal',
    });
    try {
      await kernel.#ready(options);
      return kernel;
    } catch (error) {
      await kernel[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Resolves when the kernel's process has ended. */
  get exited(): Promise<{ code: number; stderr: string }> {
    return this.#exited.promise;
  }

  listen(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** Sends a request on the shell channel. @returns its id, and its reply when it comes */
  async request(type: string, content: object): Promise<{ id: string; reply: Promise<Message> }> {
    const { id, frames } = encode({ type, content, session: this.#session }, this.#key);
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#replies.set(id, resolve);
    await this.#shell.send(frames);
    return { id, reply: promise.finally(() => this.#replies.delete(id)) };
  }

  /** Interrupts what runs now. */
  async interrupt(): Promise<void> {
    if (this.#interruptMode === 'signal') signalGroup(this.#child, 'SIGINT');
    else
      await this.#control.send(
        encode({ type: 'interrupt_request', content: {}, session: this.#session }, this.#key).frames,
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#exit) signalGroup(this.#child, 'SIGKILL');
    await this.#exited.promise;
    for (const socket of [this.#shell, this.#control, this.#iopub]) socket.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** What the kernel says of its language (`language_info` of its kernel_info_reply). */
  get languageInfo(): Record<string, unknown> | undefined {
    return this.#languageInfo;
  }

  /** Sends a message on the shell channel that has no reply, as a front end does about its widgets. */
  async send(type: string, content: object, parent: object): Promise<void> {
    await this.#shell.send(encode({ type, content, session: this.#session, parent }, this.#key).frames);
  }

  /** Ends the kernel in order: what it registered for its exit runs. Dispose it all the same. */
  async shutdown(): Promise<void> {
    const content = { restart: false };
    await this.#control.send(
      encode({ type: 'shutdown_request', content, session: this.#session }, this.#key).frames,
    );
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, shutdownPatience);
    await Promise.race([this.exited, late.promise]);
    clearTimeout(timer);
  }

  async #ready({ startTimeout = defaultStartTimeout, signal }: KernelOptions): Promise<void> {
    const deadline = Date.now() + startTimeout;
    let published = false;
    using _listener = this.listen(() => {
      published = true;
    });
    for (let answered = false; !answered || !published; ) {
      if (this.#exit)
        throw new TagboatError(`the kernel did not start: ${lastLine(this.#exit.stderr)}`, {
          reason: 'KernelDied',
        });
      if (Date.now() > deadline)
        throw new TagboatError(
          `the kernel did not answer within ${startTimeout / 1000} s: ${lastLine(this.#stderr()) || 'it said nothing'}`,
          { reason: 'KernelStartTimeout', retryable: false },
        );
      if (signal?.aborted)
        throw new TagboatError('cancelled while the kernel started', { reason: 'Cancelled' });
      const { reply } = await this.request('kernel_info_request', {});
      const answer: boolean = await Promise.race([
        reply.then(({ content }) => {
          this.#languageInfo = content.language_info as Record<string, unknown> | undefined;
          return true;
        }),
        this.exited.then(() => false),
        pause(answered ? 20 : 200),
      ]);
      answered ||= answer;
    }
  }

  async #receive(socket: Dealer | Subscriber, handle: (message: Message) => void): Promise<void> {
    try {
      for await (const frames of socket) {
        for (const message of decode(frames as Buffer[], this.#key)) handle(message);
      }
    } catch (error) {
      // A socket that is closed while it waits says so by an error.
      if (!this.#exit) throw error;
    }
  }
}

const pause = (milliseconds: number) =>
  new Promise<false>((resolve) => setTimeout(() => resolve(false), milliseconds));

export const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? '';

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
