import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { sendBytes } from './channel-socket.ts';
import type { RemoteStreams } from './remote-command.ts';
import { SpdyConnection, type SpdyStream, type SpdyTransport } from './spdy.ts';

/** SPDY frames in the messages of a WebSocket (KEP-4006, `SPDY/3.1+portforward.k8s.io`). */
export function overWebSocket(socket: WebSocket, opened: (stream: SpdyStream) => void): SpdyConnection {
  const connection = new SpdyConnection(
    {
      write: (bytes) => sendBytes(socket, bytes),
      hold: (full) => (full ? socket.pause() : socket.resume()),
      close: () => socket.close(1000),
    },
    opened,
  );
  socket.on('message', (data: Buffer) => connection.receive(data));
  socket.on('close', () => connection.close());
  return connection;
}

/** SPDY frames on a socket after `Upgrade: SPDY/3.1`, as clients spoke before WebSockets. */
export function overSocket(socket: Duplex, opened: (stream: SpdyStream) => void): SpdyConnection {
  const transport: SpdyTransport = {
    write: async (bytes) => {
      if (socket.destroyed || socket.write(bytes)) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          socket.off('drain', done);
          socket.off('close', done);
          resolve();
        };
        socket.on('drain', done);
        socket.on('close', done);
      });
    },
    hold: (full) => void (full ? socket.pause() : socket.resume()),
    close: () => void socket.end(),
  };
  const connection = new SpdyConnection(transport, opened);
  socket.on('data', (data: Buffer) => connection.receive(data));
  socket.on('close', () => connection.close());
  return connection;
}

/** The streams of one command: each says by its header `streamType` what it carries. */
export class SpdyCommand {
  readonly #wanted: number;
  readonly #streams = new Map<string, SpdyStream>();
  readonly #complete = Promise.withResolvers<void>();

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted.length;
  }

  readonly opened = (stream: SpdyStream): void => {
    this.#streams.set(stream.headers.get('streamtype') ?? '', stream);
    if (this.#streams.size >= this.#wanted) this.#complete.resolve();
  };

  /** Once the client has opened all its streams, or the signal aborts. */
  async streams(connection: SpdyConnection, gone: AbortSignal): Promise<RemoteStreams> {
    gone.addEventListener('abort', () => this.#complete.resolve(), { once: true });
    await this.#complete.promise;
    const output = (name: string) => {
      const stream = this.#streams.get(name);
      return stream && ((bytes: Uint8Array) => stream.write(bytes));
    };
    return {
      stdin: this.#streams.get('stdin')?.input,
      stdout: output('stdout'),
      stderr: output('stderr'),
      resize: this.#streams.get('resize')?.input,
      gone,
      finish: async (status) => {
        const error = this.#streams.get('error');
        await error?.write(Buffer.from(JSON.stringify(status)));
        for (const stream of this.#streams.values()) await stream.end();
        connection.close();
      },
    };
  }
}
