import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { trackUpgraded } from './upgraded.ts';

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
