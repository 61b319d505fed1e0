import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, pod } from './cluster.ts';

let cluster: Cluster;
let config: KubeConfig;
let core: CoreV1Api;
const namespace = 'default';
const configMap = (name: string, data: Record<string, string> = { a: '1' }): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { suite: 'client-node' } },
  data,
});

beforeAll(async () => {
  cluster = await Cluster.start();
  config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Collects what is written to it. */
function collector(): { stream: Writable; text: () => string; has: (wanted: string) => Promise<void> } {
  let text = '';
  let look: () => void = () => undefined;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString('utf8');
      look();
      done();
    },
  });
  return {
    stream,
    text: () => text,
    has: (wanted) =>
      new Promise((resolve) => {
        look = () => (text.includes(wanted) ? resolve() : undefined);
        look();
      }),
  };
}

test('creates, reads, lists in pages, patches and deletes', async () => {
  for (const name of ['one', 'two', 'three'])
    await core.createNamespacedConfigMap({ namespace, body: configMap(name) });
  const first = await core.listNamespacedConfigMap({
    namespace,
    labelSelector: 'suite=client-node',
    limit: 2,
  });
  const rest = await core.listNamespacedConfigMap({
    namespace,
    labelSelector: 'suite=client-node',
    _continue: first.metadata!._continue!,
  });
  expect([...first.items, ...rest.items].map(({ metadata }) => metadata!.name)).toEqual([
    'one',
    'three',
    'two',
  ]);
  const patched = await core.patchNamespacedConfigMap(
    { namespace, name: 'one', body: { data: { b: '2' } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  expect(patched.data).toEqual({ a: '1', b: '2' });
  await expect(core.createNamespacedConfigMap({ namespace, body: configMap('one') })).rejects.toMatchObject({
    code: 409,
  });
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'suite=client-node' });
  expect(
    (await core.listNamespacedConfigMap({ namespace, labelSelector: 'suite=client-node' })).items,
  ).toEqual([]);
});

test('applies on the server, with conflicts', async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const apply = (manager: string, value: string, force = false) =>
    objects.patch(
      { ...configMap('applied', { a: value }), metadata: { name: 'applied', namespace } },
      undefined,
      undefined,
      manager,
      force,
      PatchStrategy.ServerSideApply,
    );
  await apply('one', '1');
  await expect(apply('two', '2')).rejects.toMatchObject({ code: 409 });
  const forced = (await apply('two', '2', true)) as V1ConfigMap;
  expect(forced.data).toEqual({ a: '2' });
});

test('an informer sees what is there and what changes, and goes on after an error', async () => {
  await core.createNamespacedConfigMap({ namespace, body: configMap('seen') });
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'suite=client-node' });
  const informer = makeInformer(
    config,
    `/api/v1/namespaces/${namespace}/configmaps`,
    list,
    'suite=client-node',
  );
  const seen: string[] = [];
  let look: () => void = () => undefined;
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      look = () => (seen.length >= count ? resolve() : undefined);
      look();
    });
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, (object) => {
      seen.push(`${verb} ${object.metadata!.name}`);
      look();
    });
  await informer.start();
  await until(1);
  await core.createNamespacedConfigMap({ namespace, body: configMap('later') });
  await until(2);
  await core.replaceNamespacedConfigMap({ namespace, name: 'later', body: configMap('later', { a: '2' }) });
  await until(3);
  await core.deleteNamespacedConfigMap({ namespace, name: 'seen' });
  await until(4);
  await informer.stop();
  expect(seen).toEqual(['add seen', 'add later', 'update later', 'delete seen']);
});

test('a deployment scales', async () => {
  const apps = config.makeApiClient(AppsV1Api);
  await apps.createNamespacedDeployment({
    namespace,
    body: {
      metadata: { name: 'scaled' },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'scaled' } },
        template: {
          metadata: { labels: { app: 'scaled' } },
          spec: { containers: [{ name: 'main', image: 'python', command: ['sleep', '1000'] }] },
        },
      },
    },
  });
  const name = 'scaled';
  // Its controller writes meanwhile: what was read before that is refused, and read again.
  for (let replaced = false; !replaced; ) {
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name });
    scale.spec!.replicas = 1;
    replaced = await apps.replaceNamespacedDeploymentScale({ namespace, name, body: scale }).then(
      () => true,
      (error: { code?: number }) => {
        if (error.code !== 409) throw error;
        return false;
      },
    );
  }
  expect((await apps.readNamespacedDeployment({ namespace, name: 'scaled' })).spec!.replicas).toBe(1);
  await apps.deleteNamespacedDeployment({ namespace, name: 'scaled' });
});

test('exec, log and port-forward reach a pod', async () => {
  const echo = `import socket, os
server = socket.create_server((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "7000"))))
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    while data := connection.recv(4096):
        connection.sendall(data.upper())
    connection.close()`;
  await cluster.apply(pod('echo', ['python3', '-u', '-c', echo], { ports: [{ containerPort: 7000 }] }));
  await cluster.kubectl('wait --for=condition=Ready pod/echo --timeout=60s');

  const log = collector();
  await new Log(config).log(namespace, 'echo', 'main', log.stream, { follow: true });
  await log.has('listening');

  const output = collector();
  const input = new PassThrough();
  input.end('from here');
  const status = await new Promise<V1Status>((resolve) => {
    void new Exec(config).exec(
      namespace,
      'echo',
      'main',
      ['sh', '-c', 'head -c 9; exit 4'],
      output.stream,
      process.stderr,
      input,
      false,
      resolve,
    );
  });
  expect(output.text()).toBe('from here');
  expect([status.status, status.details?.causes?.[0]?.message]).toEqual(['Failure', '4']);

  const forward = new PortForward(config);
  const server = createServer((socket) => {
    void forward.portForward(namespace, 'echo', [7000], socket, null, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  socket.write('shout');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toBe('SHOUT');
  socket.destroy();
  server.close();
  // The library has no listener for the error of a log that is aborted: it is followed to its end.
  const ended = once(log.stream, 'finish');
  await core.deleteNamespacedPod({ namespace, name: 'echo' });
  await ended;
});
