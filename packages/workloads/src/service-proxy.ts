import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Address, ListenerPort } from './service-ports.ts';

interface Listener {
  readonly server: Server;
  readonly service: string;
  readonly sockets: Set<Socket>;
  backends: readonly Address[];
  turn: number;
}

const idOf = ({ host, port }: Address) => `${host}:${port}`;

/** Where Services may be: any other address could be another program's, or one that other machines reach. */
const mayBeThere = ({ host, port }: Address) =>
  /^127\.(19[2-9]|2[0-4]\d|25[0-5])\.\d{1,3}\.\d{1,3}$/.test(host) ||
  (host === '127.0.0.1' && port >= 30_000 && port <= 32_767);

/** Passes TCP connections to Services on to their pods, in turn. A Service with no ready pod refuses them. */
export class ServiceProxy implements AsyncDisposable {
  readonly #listeners = new Map<string, Listener>();
  /** Other systems than Linux have one loopback address. */
  readonly #anyLoopback = process.platform === 'linux';

  /** Makes these the ports of a Service. @returns what could not be listened on, for people */
  async set(service: string, wanted: readonly ListenerPort[]): Promise<string[]> {
    const ports = wanted.filter(({ host }) => this.#anyLoopback || host === '127.0.0.1');
    const ids = new Set(ports.map(idOf));
    for (const [id, listener] of [...this.#listeners])
      if (listener.service === service && !ids.has(id)) await this.#close(id);
    const problems: string[] = [];
    for (const port of ports) {
      const problem = await this.#put(service, port);
      if (problem) problems.push(problem);
    }
    return problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((id) => this.#close(id)));
  }

  async #put(service: string, port: ListenerPort): Promise<string | undefined> {
    const id = idOf(port);
    if (!mayBeThere(port))
      return `cannot listen on ${id}: ${port.host} is no address of Services (127.192.0.0/10), and node ports are 30000 to 32767`;
    const listener = this.#listeners.get(id);
    if (!listener) return this.#listen(service, port);
    if (listener.service !== service) return `cannot listen on ${id}: ${id} is that of ${listener.service}`;
    listener.backends = port.backends;
    return undefined;
  }

  async #listen(service: string, port: ListenerPort): Promise<string | undefined> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#pass(listener, socket),
    );
    const listener: Listener = { server, service, sockets, backends: port.backends, turn: 0 };
    try {
      server.listen(port.port, port.host);
      await once(server, 'listening');
    } catch (error) {
      return `cannot listen on ${idOf(port)}: ${(error as Error).message}`;
    }
    // A connection that could not be taken, such as for want of file descriptors, is the client's to make again.
    server.on('error', () => undefined);
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
