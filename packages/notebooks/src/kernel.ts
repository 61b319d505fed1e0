import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { exitCode, signalGroup, tiedToParent } from '@tagboat/process';
import type { Dealer, Subscriber } from 'zeromq';
import { decode, encode, type Message } from './wire.ts';

export interface KernelOptions {
  /** The kernel's command line, with `{connection_file}` in it. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interruptMode?: 'signal' | 'message';
}

export type Listener = (message: Message) => void;

const startTimeout = 60_000;

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

  /** Starts a kernel and waits until it answers. @throws `KernelDied`, `KernelStartTimeout` */
  static async start(options: KernelOptions): Promise<Kernel> {
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
      await kernel.#ready();
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

  async #ready(): Promise<void> {
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
        throw new TagboatError('the kernel did not answer within 60 s', { reason: 'KernelStartTimeout' });
      const { reply } = await this.request('kernel_info_request', {});
      const answer: boolean = await Promise.race([
        reply.then(() => true),
        this.exited.then(() => false),
        pause(answered ? 50 : 500),
      ]);
      answered ||= answer;
    }
  }

  async #receive(socket: Dealer | Subscriber, handle: (message: Message) => void): Promise<void> {
    try {
      for await (const frames of socket) {
        const message = decode(frames as Buffer[], this.#key);
        if (message) handle(message);
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
