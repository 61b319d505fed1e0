import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Task } from '@tagboat/api';
import { git } from '@tagboat/git-client';
import { ObjectStore } from '@tagboat/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveReference } from './resolvers.ts';

const text = `apiVersion: tekton.dev/v1
kind: Task
metadata: { name: remote }
spec: { steps: [{ name: s, image: alpine, script: "true" }] }
`;
let directory: string;
let commit: string;
let server: Server;
let url: string;
const store = new ObjectStore();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-resolvers-'));
  await mkdir(join(directory, 'task'));
  await writeFile(join(directory, 'task/remote.yaml'), text);
  await writeFile(join(directory, 'task/wrong.yaml'), text.replace(/steps: \[(.*)\]/, 'steps: $1'));
  const options = { cwd: directory };
  await git(['init', '--quiet', '--initial-branch', 'main', '.'], options);
  await git(['add', '.'], options);
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
  await git([...identity, 'commit', '--quiet', '-m', 'Task'], options);
  commit = (await git(['rev-parse', 'HEAD'], options)).stdout.toString('utf8').trim();
  server = createServer((request, response) => {
    const allowed = request.headers.authorization === `Basic ${btoa('user:secret')}`;
    if (request.url === '/private.yaml' && !allowed) response.writeHead(401).end();
    else if (request.url === '/absent.yaml') response.writeHead(404).end();
    else response.end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await store.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'login', namespace: 'n' },
    data: { password: btoa('secret') },
  } as never);
  await store.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'Task',
    metadata: { name: 'here', namespace: 'other' },
    spec: { steps: [] },
  } as never);
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

const resolve = (resolver: string, params: Record<string, string>) =>
  resolveReference<Task>(
    { reader: store, namespace: 'n', kind: 'Task' },
    { resolver, params: Object.entries(params).map(([name, value]) => ({ name, value })) },
  );

test('git: a file at a revision of any repository, with the commit it stood at', async () => {
  const found = await resolve('git', { url: directory, revision: 'main', pathInRepo: '/task/remote.yaml' });
  expect(found.object.metadata.name).toBe('remote');
  expect(found.source).toMatchObject({ digest: { sha1: commit }, entryPoint: 'task/remote.yaml' });
});

test('http: with a digest, and with a login from a Secret', async () => {
  const digest = createHash('sha256').update(text).digest('hex');
  const found = await resolve('http', { url: `${url}/x.yaml`, digest: `sha256:${digest}` });
  expect(found.source).toEqual({ uri: `${url}/x.yaml`, digest: { sha256: digest } });
  const login = {
    'http-username': 'user',
    'http-password-secret': 'login',
    'http-password-secret-key': 'password',
  };
  expect((await resolve('http', { url: `${url}/private.yaml`, ...login })).object.kind).toBe('Task');
});

test('cluster: another namespace of the store', async () => {
  const found = await resolve('cluster', { kind: 'task', name: 'here', namespace: 'other' });
  expect(found.source?.uri).toContain('/namespaces/other/task/here@');
});

test.each([
  ['git', () => ({ url: directory, pathInRepo: 'absent.yaml' }), 'cannot get absent.yaml'],
  ['git', () => ({ url: directory, pathInRepo: '../etc/passwd' }), 'inside the repository'],
  ['git', () => ({ url: directory, pathInRepo: 'task/wrong.yaml' }), 'expected a list'],
  ['git', () => ({ url: '--upload-pack=touch /tmp/x', pathInRepo: 'x' }), ''],
  ['http', () => ({ url: `${url}/absent.yaml` }), 'HTTP 404'],
  ['http', () => ({ url: `${url}/private.yaml` }), 'HTTP 401'],
  ['http', () => ({ url: `${url}/x.yaml`, digest: 'sha256:00' }), 'SHA mismatch'],
  ['http', () => ({ url: 'file:///etc/passwd' }), 'expected an http or https url'],
  ['cluster', () => ({ kind: 'pipeline', name: 'x' }), 'expected the cluster resolver'],
  ['cluster', () => ({ kind: 'task', name: 'absent' }), 'not found'],
  ['hub', () => ({ name: 'x' }), 'does not work here'],
])('%s: what cannot be had is an error that says why (%#)', async (resolver, params, message) => {
  await expect(resolve(resolver, params() as Record<string, string>)).rejects.toThrow(message);
});
