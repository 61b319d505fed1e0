import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Pod, type Service } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test, vi } from 'vitest';
import { HostsFiles, hostsText } from './hosts-files.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'client', namespace: 'shop' },
  spec: { containers: [], hostAliases: [{ ip: '10.0.0.7', hostnames: ['db', 'db.example.com'] }] },
};
const service = (namespace: string, clusterIP: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace },
  spec: { clusterIP, ports: [] },
});

test('names Services as a cluster does, the short name for the own namespace alone', () => {
  const text = hostsText(
    { pod, ip: '127.64.0.2' },
    {
      own: '127.0.0.1 localhost\n',
      services: [
        service('shop', '127.192.0.1'),
        service('other', '127.192.0.2'),
        service('headless', 'None'),
      ],
      endpoints: [
        {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name: 'web', namespace: 'headless' },
          subsets: [{ addresses: [{ ip: '127.64.0.3' }, { ip: '127.64.0.4' }] }],
        },
      ],
    },
  );
  expect(text.split('\n')).toEqual([
    '127.0.0.1 localhost',
    '10.0.0.7 db db.example.com',
    '127.64.0.2 client',
    '127.192.0.1 web web.shop web.shop.svc web.shop.svc.cluster.local',
    '127.192.0.2 web.other web.other.svc web.other.svc.cluster.local',
    '127.64.0.3 web.headless web.headless.svc web.headless.svc.cluster.local',
    '127.64.0.4 web.headless web.headless.svc web.headless.svc.cluster.local',
    '',
  ]);
});

test('follows the Services while a file is open', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hosts-'));
  await using store = new ObjectStore();
  await using files = new HostsFiles({ reader: store, clock: systemClock, log: silentLogger });
  const path = join(directory, 'hosts');
  using _open = await files.open(pod, '127.64.0.2', path);
  expect(await readFile(path, 'utf8')).not.toContain('web');
  await store.create(service('shop', '127.192.0.1'));
  await vi.waitFor(async () => expect(await readFile(path, 'utf8')).toContain('127.192.0.1 web '));
  await store.delete({ type: kinds.Service, namespace: 'shop', name: 'web' });
  await vi.waitFor(async () => expect(await readFile(path, 'utf8')).not.toContain('web'));
  await rm(directory, { recursive: true });
});
