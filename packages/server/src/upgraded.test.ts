import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { WorkbenchGate } from '@tagboat/workbenches';
import type { Gateway } from '@tagboat/workloads';
import { expect, test } from 'vitest';
import { trackUpgraded, upgradesMainPort } from './upgraded.ts';
import { appsPort } from './workbenches.ts';

test('a server that closes need not wait for those who hold a stream open', async () => {
  const server = createServer();
  const end = trackUpgraded(server);
  server.on('upgrade', (_request, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await once(client, 'data');
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  end();
  await closed;
  expect(server.listening).toBe(false);
  client.destroy();
});

/** What a server answers to a request that offers to change the protocol. */
async function offered(server: Server, path: string, upgrade: string): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${upgrade}\r\n\r\n`);
  const [answer] = (await once(client, 'data')) as [Buffer];
  client.destroy();
  server.close();
  server.closeAllConnections();
  return answer.toString('utf8').split('\r\n')[0]!;
}

test.each(['/foo', '//', '/api/v1/pods', 'http://[', '/v2/'])(
  'an upgrade of %s on the main port is answered as the request that it also is',
  async (path) => {
    const server = createServer({ shouldUpgradeCallback: upgradesMainPort }, (_request, response) =>
      response.writeHead(404).end(),
    );
    trackUpgraded(server);
    expect(await offered(server, path, 'websocket')).toBe('HTTP/1.1 404 Not Found');
  },
);

const ports = { handle: () => undefined, upgrade: () => undefined, servesHost: () => true };

test('what offers HTTP/2 to an app gets the answer of an app', async () => {
  const gateway = {
    ...ports,
    handle: (_request: IncomingMessage, response: ServerResponse) => response.end('app'),
  };
  const server = appsPort({
    gateway: gateway as unknown as Gateway,
    gate: ports as unknown as WorkbenchGate,
  });
  expect(await offered(server, '/n/a/', 'h2c')).toBe('HTTP/1.1 200 OK');
});

test.each(['main', 'apps'])(
  'a client of the %s port that is gone without a word harms nobody',
  async (port) => {
    const server =
      port === 'main'
        ? createServer()
        : appsPort({ gateway: ports as unknown as Gateway, gate: ports as unknown as WorkbenchGate });
    if (port === 'main') trackUpgraded(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upgraded = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.write('GET /n/a/ HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    const [, socket] = await upgraded;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    client.resetAndDestroy();
    await closed;
    expect(socket.errored).toMatchObject({ code: 'ECONNRESET' });
    server.close();
  },
);
