import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Address, ListenerPort } from './service-ports.ts';

interface Listener {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  backends: readonly Address[];
  turn: number;
}

const idOf = ({ host, port }: Address) => `${host}:${port}`;

/** Passes TCP connections to Services on to their pods, in turn. A Service with no ready pod refuses them. */
export class ServiceProxy implements AsyncDisposable {
  readonly #listeners = new Map<string, Listener>();
  readonly #services = new Map<string, ReadonlySet<string>>();
  /** Other systems than Linux have one loopback address. */
  readonly #anyLoopback = process.platform === 'linux';

  /** Makes these the ports of a Service. @returns what could not be listened on, for people */
  async set(service: string, wanted: readonly ListenerPort[]): Promise<string[]> {
    const ports = wanted.filter(({ host }) => this.#anyLoopback || host === '127.0.0.1');
    const ids = new Set(ports.map(idOf));
    for (const id of this.#services.get(service) ?? []) if (!ids.has(id)) await this.#close(id);
    const problems: string[] = [];
    for (const port of ports) {
      const listener = this.#listeners.get(idOf(port));
      if (listener) listener.backends = port.backends;
      else {
        const problem = await this.#listen(port);
        if (problem) problems.push(problem);
      }
    }
    if (ids.size > 0) this.#services.set(service, ids);
    else this.#services.delete(service);
    return problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((id) => this.#close(id)));
  }

  async #listen(port: ListenerPort): Promise<string | undefined> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#pass(listener, socket),
    );
    const listener: Listener = { server, sockets, backends: port.backends, turn: 0 };
    try {
      server.listen(port.port, port.host);
      await once(server, 'listening');
    } catch (error) {
      return `cannot listen on ${idOf(port)}: ${(error as Error).message}`;
    }
    this.#listeners.set(idOf(port), listener);
    return undefined;
  }

  #pass(listener: Listener, socket: Socket): void {
    const { backends, sockets } = listener;
    const backend = backends[listener.turn++ % Math.max(1, backends.length)];
    if (!backend) {
      socket.resetAndDestroy();
      return;
    }
    const peer = connect({ ...backend, allowHalfOpen: true });
    for (const [one, other] of [
      [socket, peer],
      [peer, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroySoon();
      });
    }
    socket.pipe(peer);
    peer.pipe(socket);
  }

  async #close(id: string): Promise<void> {
    const listener = this.#listeners.get(id);
    if (!listener) return;
    this.#listeners.delete(id);
    const closed = once(listener.server, 'close');
    listener.server.close();
    for (const socket of listener.sockets) socket.destroy();
    await closed;
  }
}
