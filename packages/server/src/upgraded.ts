import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Keeps account of connections that became WebSockets or other streams: a server does not count them among its own, yet
 * waits for them when it closes.
 * @returns what ends all of them
 */
export function trackUpgraded(server: Pick<Server, 'on'>): () => void {
  const open = new Set<Duplex>();
  server.on('upgrade', (_request, socket: Duplex) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  return () => {
    for (const socket of open) socket.destroy();
  };
}
