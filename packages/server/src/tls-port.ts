import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Clock, type Logger, TagboatError } from '@tagboat/base';
import { serverCertificate } from './certificates.ts';
import type { Configuration } from './configuration.ts';
import { trackUpgraded, upgradesMainPort } from './upgraded.ts';

export interface TlsPortOptions {
  readonly configuration: Configuration;
  /** Of the main port: the same requests are answered, over TLS. */
  readonly main: Server;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TlsPort extends AsyncDisposable {
  readonly url: string;
  /** In PEM: what clients have to trust. */
  readonly authority: string;
}

/**
 * The Kubernetes API over TLS, since kubectl sends no credentials over plain http. A port that nobody chose and that is
 * taken is left to whoever has it, with a warning.
 * @throws `PortInUse` for a port that was chosen
 */
export async function openTlsPort(options: TlsPortOptions): Promise<TlsPort | undefined> {
  const { configuration, main, clock, log } = options;
  const { host, home, tlsPort, tlsPortChosen } = configuration;
  if (tlsPort === undefined) return undefined;
  const { key, certificate, authority } = await serverCertificate(join(home, 'config', 'tls'), clock);
  const server = createServer({
    key,
    cert: certificate,
    ALPNProtocols: ['http/1.1'],
    shouldUpgradeCallback: upgradesMainPort,
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) =>
    main.emit('request', request, response),
  );
  server.on('upgrade', (...upgrade: unknown[]) => main.emit('upgrade', ...upgrade));
  const endUpgraded = trackUpgraded(server);
  server.on('tlsClientError', (error) => log.debug('a TLS client failed', { error }));
  try {
    server.listen({ host, port: tlsPort });
    await once(server, 'listening');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    const hint = 'choose another with TAGBOAT_TLS_PORT, or off';
    if (tlsPortChosen)
      throw new TagboatError(`port ${tlsPort} is in use`, { reason: 'PortInUse', hint, cause });
    log.warn(
      `port ${tlsPort} is in use: the Kubernetes API is not served over TLS, so kubectl cannot be used; ${hint}`,
    );
    return undefined;
  }
  return {
    url: `https://${host}:${(server.address() as AddressInfo).port}`,
    authority,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      endUpgraded();
      await closed;
    },
  };
}
