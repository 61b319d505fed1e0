import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type KubernetesObject, kinds } from '@tagboat/api';
import { expect, test } from 'vitest';
import { Client } from './client.ts';
import { until } from './until.ts';

test('a watch whose connection is cut is begun again', async () => {
  let watches = 0;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const name = ++watches === 1 ? 'early' : 'wanted';
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name } };
    response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`, () => {
      if (watches === 1) response.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const found = await until<KubernetesObject>(
      new Client({ url, token: 'x' }),
      { type: kinds.Pod, what: 'the pod' },
      ({ metadata }) => metadata.name === 'wanted',
    );
    expect(found.metadata.name).toBe('wanted');
    expect(watches).toBe(2);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
