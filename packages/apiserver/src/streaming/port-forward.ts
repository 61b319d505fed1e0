import type { PodAccess, PortConnection } from '@tagboat/api';
import type { WebSocket } from 'ws';
import { ByteQueue } from './byte-queue.ts';
import { sendBytes } from './channel-socket.ts';
import { failureText } from './remote-command.ts';
import type { SpdyStream } from './spdy.ts';

export interface ForwardedPod {
  readonly namespace: string;
  readonly name: string;
}

/** One client's connection to a port. */
interface Forwarded {
  readonly port: number;
  readonly input: AsyncIterable<Uint8Array>;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly end: () => Promise<void>;
  /** Tells why there is no connection. */
  readonly fail: (message: string) => Promise<void>;
}

/** Connects pods' ports with what clients forward. */
export class PortForward {
  readonly #access: PodAccess;
  readonly #pod: ForwardedPod;
  readonly #waiting = new Map<string, { data?: SpdyStream; error?: SpdyStream }>();

  constructor(access: PodAccess, pod: ForwardedPod) {
    this.#access = access;
    this.#pod = pod;
  }

  /** One of the two streams of a connection (`portforward.k8s.io`): data, and one for what goes wrong. */
  readonly opened = (stream: SpdyStream): void => {
    const type = stream.headers.get('streamtype');
    const port = Number(stream.headers.get('port'));
    const id = `${port}/${stream.headers.get('requestid') ?? ''}`;
    const pair = this.#waiting.get(id) ?? {};
    if (type === 'data') pair.data = stream;
    else if (type === 'error') pair.error = stream;
    this.#waiting.set(id, pair);
    const { data, error } = pair;
    if (!data || !error) return;
    this.#waiting.delete(id);
    void this.#forward({
      port,
      input: data.input,
      write: (bytes) => data.write(bytes),
      end: async () => {
        await data.end();
        await error.end();
      },
      fail: (message) => error.write(Buffer.from(message)),
    });
  };

  /** Two channels for each port (`v4.channel.k8s.io`): data, and errors; each begins with its port's number. */
  serveChannels(socket: WebSocket, ports: readonly number[]): void {
    const inputs = ports.map(() => new ByteQueue((full) => (full ? socket.pause() : socket.resume())));
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (binary && data.length > 0 && data[0]! % 2 === 0) inputs[data[0]! / 2]?.push(data.subarray(1));
    });
    socket.on('close', () => {
      for (const input of inputs) input.end();
    });
    const send = (number: number, bytes: Uint8Array) =>
      sendBytes(socket, Buffer.concat([Buffer.of(number), bytes]));
    let open = ports.length;
    for (const [index, port] of ports.entries()) {
      const head = Buffer.alloc(2);
      head.writeUInt16LE(port);
      void send(index * 2, head);
      void send(index * 2 + 1, head);
      void this.#forward({
        port,
        input: inputs[index]!,
        write: (bytes) => send(index * 2, bytes),
        end: async () => {
          open--;
          if (open === 0) socket.close(1000);
        },
        fail: (message) => send(index * 2 + 1, Buffer.from(message)),
      });
    }
  }

  async #forward(client: Forwarded): Promise<void> {
    try {
      await using connection = await this.#connect(client.port);
      void feed(connection, client.input);
      for await (const bytes of connection.output) await client.write(bytes);
    } catch (error) {
      const { namespace, name } = this.#pod;
      await told(
        client.fail(
          `error forwarding port ${client.port} to pod ${namespace}/${name}: ${failureText(error)}`,
        ),
      );
    } finally {
      await told(client.end());
    }
  }

  #connect(port: number): Promise<PortConnection> {
    return this.#access.connect({ ...this.#pod, port });
  }
}

/** Who went away while it was told cannot be told. */
const told = (telling: Promise<void>): Promise<void> => telling.catch(() => undefined);

async function feed(connection: PortConnection, input: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const bytes of input) await connection.write(bytes);
    connection.end();
  } catch {
    // The pod closed first: its output ends, and with it the connection.
  }
}
