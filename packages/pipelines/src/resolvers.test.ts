import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { KubernetesObject, Task } from '@tagboat/api';
import { sha256 } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import { ObjectStore } from '@tagboat/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveReference } from './resolvers.ts';
import { satisfies } from './version-constraint.ts';

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
  ['git', () => ({ url: directory, pathInRepo: '../etc/passwd' }), "must not contain '..' components"],
  ['git', () => ({ url: directory, pathInRepo: 'task/wrong.yaml' }), 'expected a list'],
  ['git', () => ({ url: '--upload-pack=touch /tmp/x', pathInRepo: 'x' }), ''],
  ['http', () => ({ url: `${url}/absent.yaml` }), 'HTTP 404'],
  ['http', () => ({ url: `${url}/private.yaml` }), 'HTTP 401'],
  ['http', () => ({ url: `${url}/x.yaml`, digest: 'sha256:00' }), 'SHA mismatch'],
  ['http', () => ({ url: 'file:///etc/passwd' }), 'expected an http or https url'],
  ['cluster', () => ({ kind: 'pipeline', name: 'x' }), 'expected the cluster resolver'],
  ['cluster', () => ({ kind: 'task', name: 'absent' }), 'not found'],
  ['hub', () => ({ name: 'x' }), 'missing required resolver params: version'],
  ['other', () => ({ name: 'x' }), 'does not work here'],
])('%s: what cannot be had is an error that says why (%#)', async (resolver, params, message) => {
  await expect(resolve(resolver, params() as Record<string, string>)).rejects.toThrow(message);
});

const bundled = (kind: string, name: string, bytes: Buffer) => ({
  bytes,
  descriptor: {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: sha256(bytes),
    size: bytes.length,
    annotations: {
      'dev.tekton.image.apiVersion': 'v1',
      'dev.tekton.image.kind': kind,
      'dev.tekton.image.name': name,
    },
  },
});

/** A tar archive with one file. */
function tarOf(content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write('task.yaml', 0);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write('ustar', 257);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(1024)]);
}

test('bundles: an object out of an image, as a file of a tar or as it is, with the login of a pull secret', async () => {
  const [packed, raw] = [
    bundled('task', 'remote', gzipSync(tarOf(text))),
    bundled('task', 'raw', Buffer.from(text)),
  ];
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(Buffer.from('{}')), size: 2 },
      layers: [packed.descriptor, raw.descriptor],
    }),
  );
  const blobs = new Map([packed, raw].map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
  await using registry = await serve((path, authorization) => {
    if (authorization !== `Basic ${btoa('me:secret')}`) return undefined;
    return path === '/v2/team/bundle/manifests/1' ? manifest : blobs.get(path.split('/').at(-1)! as never);
  });
  const namespace = 'bundles';
  const config = JSON.stringify({ auths: { [registry.host]: { auth: btoa('me:secret') } } });
  await store.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'pull', namespace },
    data: { '.dockerconfigjson': btoa(config) },
  } as KubernetesObject);
  await store.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace },
    imagePullSecrets: [{ name: 'pull' }],
  } as KubernetesObject);
  const resolve = (params: Record<string, string>) =>
    resolveReference<Task>(
      { reader: store, namespace, kind: 'Task' },
      {
        resolver: 'bundles',
        params: Object.entries({ bundle: `${registry.host}/team/bundle:1`, ...params }).map(
          ([name, value]) => ({
            name,
            value,
          }),
        ),
      },
    );
  const { object, source } = await resolve({ name: 'remote' });
  expect(object.metadata.name).toBe('remote');
  expect(source).toEqual({
    uri: `${registry.host}/team/bundle`,
    digest: { sha256: sha256(manifest).slice('sha256:'.length) },
    entryPoint: 'remote',
  });
  expect((await resolve({ name: 'raw', kind: 'task' })).object.metadata.name).toBe('remote');
  await expect(resolve({ name: 'other' })).rejects.toThrow(
    'could not find object in image with kind: task and name: other',
  );
});

test('hub: the newest version that a constraint allows, of the hub that the settings name', async () => {
  const list = {
    available_versions: [
      { version: '0.5.0' },
      { version: '0.10.0' },
      { version: '1.0.0-rc', prerelease: true },
    ],
  };
  await using hub = await serve((path) =>
    path === '/api/v1/packages/tekton-task/tekton-catalog-tasks/remote'
      ? Buffer.from(JSON.stringify(list))
      : path.endsWith('/remote/0.10.0')
        ? Buffer.from(JSON.stringify({ data: { manifestRaw: text } }))
        : undefined,
  );
  await store.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'hubresolver-config', namespace: 'tekton-pipelines-resolvers' },
    data: { 'artifact-hub-urls': `- http://${hub.host}/\n` },
  } as KubernetesObject);
  const resolve = (version: string, more: { name: string; value: string }[] = []) =>
    resolveReference<Task>(
      { reader: store, namespace: 'n', kind: 'Task' },
      {
        resolver: 'hub',
        params: [{ name: 'name', value: 'remote' }, { name: 'version', value: version }, ...more],
      },
    );
  const { object, source } = await resolve('>= 0.5.0');
  expect(object.metadata.name).toBe('remote');
  expect(source?.uri).toBe(
    `http://${hub.host}/api/v1/packages/tekton-task/tekton-catalog-tasks/remote/0.10.0`,
  );
  await expect(resolve('> 2')).rejects.toThrow('no version found for constraint > 2');
  await expect(resolve('0.5', [{ name: 'type', value: 'tekton' }])).rejects.toThrow('TEKTON_HUB_API');
});

test.each([
  ['0.6.0', '0.6', true],
  ['0.6.1', '>= 0.5, < 0.6.1', false],
  ['1.9.0', '~> 1.2', true],
  ['2.0.0', '~> 1.2', false],
  ['1.2.9', '~> 1.2.3', true],
  ['1.3.0', '~> 1.2.3', false],
])('version %s and the constraint %s: %s', (version, constraint, expected) => {
  expect(satisfies(version, constraint)).toBe(expected);
});

async function serve(answer: (path: string, authorization?: string) => Buffer | undefined) {
  const http = createServer((request, response) => {
    const body = answer(request.url ?? '', request.headers.authorization);
    if (body) response.end(body);
    else response.writeHead(404).end();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    host: `127.0.0.1:${(http.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => http.close(() => done())),
  };
}
