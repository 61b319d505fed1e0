import type { WebSocket } from 'ws';
import { ByteQueue } from './byte-queue.ts';
import type { RemoteStreams } from './remote-command.ts';

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const highWater = 2 ** 20;

/** Sends and waits while much is unsent, so that a slow client slows the command and not the memory. */
export async function sendBytes(socket: WebSocket, bytes: Uint8Array): Promise<void> {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount < highWater) return void socket.send(bytes);
  await new Promise<void>((resolve) => socket.send(bytes, () => resolve()));
}

export interface CommandOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/**
 * Channels over one WebSocket (`v4.channel.k8s.io`, `v5.channel.k8s.io`): each binary message begins with the number of
 * its channel. In v5 the message 255 with a number closes that channel, so that standard input can end.
 */
export function commandChannels(socket: WebSocket, options: CommandOptions): RemoteStreams {
  const hold = (full: boolean) => (full ? socket.pause() : socket.resume());
  const stdin = new ByteQueue(hold);
  const resize = new ByteQueue(hold);
  const gone = new AbortController();
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (!binary || data.length === 0) return;
    const rest = data.subarray(1);
    if (data[0] === channel.stdin) stdin.push(rest);
    else if (data[0] === channel.resize) resize.push(rest);
    else if (data[0] === channel.close && rest[0] === channel.stdin) stdin.end();
  });
  socket.on('close', () => {
    stdin.end();
    resize.end();
    gone.abort();
  });
  const to = (number: number) => (bytes: Uint8Array) =>
    sendBytes(socket, Buffer.concat([Buffer.of(number), bytes]));
  // Tells the client that the connection stands (apiserver `remotecommand/websocket.go`).
  socket.send(Buffer.of(options.stdout ? channel.stdout : options.stderr ? channel.stderr : channel.error));
  return {
    stdin: options.stdin ? stdin : undefined,
    stdout: options.stdout ? to(channel.stdout) : undefined,
    stderr: options.stderr ? to(channel.stderr) : undefined,
    resize,
    gone: gone.signal,
    finish: async (status) => {
      await to(channel.error)(Buffer.from(JSON.stringify(status)));
      socket.close(1000);
    },
  };
}
