import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createSecureContext } from 'node:tls';
import { systemClock } from '@tagboat/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serverCertificate } from './certificates.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certificates-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('a client that trusts the authority accepts the server by name and by address', async () => {
  const { key, certificate, authority } = await serverCertificate(directory, systemClock);
  const server = createServer({ key, cert: certificate }, (_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  for (const servername of ['localhost', 'kubernetes.default.svc']) {
    const socket = connect({ host: '127.0.0.1', port, servername, ca: authority });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    expect(socket.authorized).toBe(true);
    socket.destroy();
  }
  server.close();
});

test('both are kept, readable by the owner alone', async () => {
  const first = await serverCertificate(directory, systemClock);
  expect(await serverCertificate(directory, systemClock)).toEqual(first);
  expect((await stat(join(directory, 'ca.pem'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'server.pem'))).mode & 0o777).toBe(0o600);
});

test('the server certificate is renewed before it ends, the authority stays', async () => {
  const first = await serverCertificate(directory, systemClock);
  const later = { ...systemClock, now: () => Date.now() + 320 * 24 * 3600_000 };
  const second = await serverCertificate(directory, later);
  expect(second.authority).toBe(first.authority);
  expect(second.certificate).not.toBe(first.certificate);
  createSecureContext({ key: second.key, cert: second.certificate });
});

test('a new authority signs a new certificate; a damaged file is told', async () => {
  const first = await serverCertificate(directory, systemClock);
  await rm(join(directory, 'ca.pem'));
  const second = await serverCertificate(directory, systemClock);
  expect(second.certificate).not.toBe(first.certificate);
  const text = await readFile(join(directory, 'ca.pem'), 'utf8');
  await writeFile(join(directory, 'ca.pem'), text.slice(0, 300));
  await expect(serverCertificate(directory, systemClock)).rejects.toMatchObject({ reason: 'Corrupt' });
});
