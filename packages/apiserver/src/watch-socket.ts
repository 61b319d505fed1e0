import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TypeRegistry } from '@tagboat/api';
import type { Logger } from '@tagboat/base';
import { type WebSocket, WebSocketServer } from 'ws';
import { isPodStream, parseResourcePath } from './resource-path.ts';
import type { Resources } from './resources.ts';
import { statusOf } from './status.ts';

export interface WatchSocketOptions {
  readonly resources: Resources;
  readonly types: TypeRegistry;
  readonly log: Logger;
  /** Whether who asks may watch; decided before the socket opens. */
  readonly authorize: (request: IncomingMessage) => Promise<boolean>;
}

/** A client that does not read is cut off here instead of filling the memory. */
const highWater = 4 * 2 ** 20;

/**
 * Watches over WebSocket, one event per text message, as Kubernetes serves them to browsers:
 * `GET /api/v1/pods?watch=true` with `Upgrade: websocket`. Other upgrades are left to others.
 */
export function serveWatchSockets(server: Server, options: WatchSocketOptions): void {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1024 });
  const { resources } = options;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = watchOf(request);
    if (!url) return;
    socket.on('error', (error) => options.log.debug('a watch ended early', { error }));
    const refuse = (text: string) => socket.end(`HTTP/1.1 ${text}\r\nconnection: close\r\n\r\n`);
    options
      .authorize(request)
      .then((allowed) => {
        if (!allowed) return refuse('401 Unauthorized');
        return sockets.handleUpgrade(request, socket, head, (open) => {
          void pump(open, resources, { options, url });
        });
      })
      .catch((error: unknown) => {
        options.log.error('a watch could not be opened', { error });
        refuse('500 Internal Server Error');
      });
  });
}

/** Whether an upgrade is one that `serveWatchSockets` answers. */
export const isWatchUpgrade = (request: IncomingMessage): boolean => watchOf(request) !== undefined;

/** Where a request for a watch leads; undefined for all others, and for those that name no address at all. */
function watchOf({ headers, url: text = '/' }: IncomingMessage): URL | undefined {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
  const url = URL.parse(text, 'http://localhost');
  if (!url || !/^\/apis?\//.test(url.pathname) || isPodStream(url)) return undefined;
  return ['true', '1'].includes(url.searchParams.get('watch') ?? '') ? url : undefined;
}

async function pump(
  socket: WebSocket,
  resources: Resources,
  { options, url }: { options: WatchSocketOptions; url: URL },
): Promise<void> {
  const ended = new AbortController();
  socket.on('close', () => ended.abort());
  socket.on('error', (error) => options.log.debug('a watch ended early', { error }));
  try {
    const path = parseResourcePath(url.pathname, options.types);
    const query = Object.fromEntries(url.searchParams);
    for await (const line of resources.watch(path, query, ended.signal)) {
      if (ended.signal.aborted) break;
      socket.send(line);
      if (socket.bufferedAmount > highWater) await drained(socket);
    }
  } catch (error) {
    if (!ended.signal.aborted) socket.send(`${JSON.stringify({ type: 'ERROR', object: statusOf(error) })}\n`);
  }
  socket.close();
}

/** Sending an empty ping calls back when all before it is written out. */
async function drained(socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      socket.off('close', done);
      resolve();
    };
    socket.on('close', done);
    socket.ping('', false, done);
  });
}
