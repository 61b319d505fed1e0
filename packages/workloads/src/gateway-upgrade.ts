import { request as ask, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { concernsOwner, forwarded } from './gateway-headers.ts';
import type { Target } from './gateway-target.ts';

/** A client that asks for another protocol, such as a websocket. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly target: Target;
}

/** Connects the client with a backend for as long as both want. */
export function passUpgrade({ request, socket, head, target }: Upgrade, address: RequestOptions): void {
  const headers = {
    ...forwarded(request, target.prefix),
    connection: 'Upgrade',
    upgrade: request.headers.upgrade ?? '',
  };
  const upstream = ask({ ...address, method: request.method, headers, agent: false });
  upstream.on('upgrade', (answer, peer, first) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(answer)}\r\n\r\n`);
    if (first.length > 0) socket.write(first);
    if (head.length > 0) peer.write(head);
    peer.pipe(socket).pipe(peer);
    peer.on('error', () => socket.destroy());
    peer.on('close', () => socket.destroy());
    socket.on('close', () => peer.destroy());
  });
  upstream.on('response', (answer) => {
    socket.write(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nconnection: close\r\n\r\n`);
    answer.pipe(socket);
  });
  upstream.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n'));
  socket.on('close', () => upstream.destroy());
  upstream.end();
}

function headerLines({ rawHeaders }: IncomingMessage): string {
  const lines: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = [rawHeaders[index], rawHeaders[index + 1]];
    if (!concernsOwner(name, value)) lines.push(`${name}: ${value}`);
  }
  return lines.join('\r\n');
}
