import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { isPodUpgrade, isWatchUpgrade } from '@tagboat/apiserver';

/**
 * Keeps account of connections that became WebSockets or other streams: a server does not count them among its own, yet
 * waits for them when it closes.
 * @returns what ends all of them
 */
export function trackUpgraded(server: Pick<Server, 'on'>): () => void {
  const open = new Set<Duplex>();
  server.on('upgrade', (_request, socket: Duplex) => {
    open.add(socket);
    // The server takes its own listener away, and who goes without a word would end this process.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
  });
  return () => {
    for (const socket of open) socket.destroy();
  };
}

/**
 * Which requests of the main port change their protocol. To all others the answer is that of a request without
 * `Upgrade`, as RFC 9110 (7.8) has it: clients offer h2c with any request.
 */
export const upgradesMainPort = (request: IncomingMessage): boolean =>
  isWatchUpgrade(request) || isPodUpgrade(request);

/** The same of the apps port: pods speak what they like, but not HTTP/2 by way of an upgrade. */
export const upgradesAppsPort = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() !== 'h2c';
