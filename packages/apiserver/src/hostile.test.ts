import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestServer } from './testing/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const configMaps = '/api/v1/namespaces/default/configmaps';
const tasks = '/apis/tekton.dev/v1/namespaces/default/tasks';
const yaml = { 'content-type': 'application/yaml' };

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

const bodies: [string, string, unknown, Record<string, string>?][] = [
  ['nothing', configMaps, ''],
  ['half an object', configMaps, '{"apiVersion":"v1","kind"'],
  ['a list', configMaps, '[1,2]'],
  ['a number', configMaps, '7'],
  ['YAML that is none', configMaps, 'a: [b\nc: }', yaml],
  [
    'YAML of aliases',
    configMaps,
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\n${'c: [*b,*b]\n'.repeat(1)}d: [${'*b,'.repeat(120)}]`,
    yaml,
  ],
  ['another kind', configMaps, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }],
  ['metadata of text', configMaps, { metadata: 'x' }],
  ['metadata of nothing', configMaps, { metadata: null }],
  ['labels of numbers', configMaps, { metadata: { name: 'x', labels: { a: 1 } } }],
  ['a name with a slash', configMaps, { metadata: { name: '../x' } }],
  ['a name that is too long', configMaps, { metadata: { name: 'x'.repeat(300) } }],
  ['data of objects', configMaps, { metadata: { name: 'x' }, data: { a: {} } }],
  ['a key with a slash', configMaps, { metadata: { name: 'x' }, data: { '../a': 'b' } }],
  [
    'text for a number',
    '/apis/apps/v1/namespaces/default/deployments',
    { metadata: { name: 'x' }, spec: { replicas: 'three' } },
  ],
  [
    'nesting without end',
    tasks,
    `{"metadata":{"name":"x"},"spec":{"steps":[{"name":"s","deep":${nested(5000)}}]}}`,
  ],
  [
    'nesting without end where a text belongs',
    configMaps,
    `{"metadata":{"name":"x"},"data":{"a":${nested(200_000)}}}`,
  ],
  ['more than a megabyte', configMaps, { metadata: { name: 'x' }, data: { a: 'x'.repeat(1_100_000) } }],
  [
    'annotations without end',
    configMaps,
    { metadata: { name: 'x', annotations: { a: 'x'.repeat(300_000) } } },
  ],
  ['a prototype', configMaps, '{"metadata":{"name":"x"},"data":{"__proto__":{"a":"b"}}}'],
  [
    'protobuf that is none',
    configMaps,
    Buffer.from('k8s\0\xff\xff\xff'),
    { 'content-type': 'application/vnd.kubernetes.protobuf' },
  ],
  [
    'bytes',
    configMaps,
    Buffer.from([0, 1, 2, 255]),
    { 'content-type': 'application/vnd.kubernetes.protobuf' },
  ],
];

test.each(bodies)('%s is refused with a Status', async (_name, path, body, headers) => {
  const answer = await server.request('POST', path, body, headers);
  expect(answer.json()).toMatchObject({ kind: 'Status', status: 'Failure' });
  expect(answer.statusCode).toBeGreaterThanOrEqual(400);
  expect(answer.statusCode).toBeLessThan(500);
  expect(answer.body).not.toMatch(/node_modules|at [A-Z]\w+ \(/);
});

test('a body of megabytes is refused before it is read whole', async () => {
  const answer = await server.request('POST', configMaps, {
    metadata: { name: 'x' },
    data: { a: 'x'.repeat(4 * 2 ** 20) },
  });
  expect(answer.json()).toMatchObject({ kind: 'Status', code: 413 });
});

test('a patch of very many operations is refused', async () => {
  await server.request('POST', configMaps, { metadata: { name: 'x' } });
  const operations = Array.from({ length: 20_000 }, () => ({ op: 'add', path: '/data', value: {} }));
  const answer = await server.request('PATCH', `${configMaps}/x`, operations, {
    'content-type': 'application/json-patch+json',
  });
  expect(answer.json()).toMatchObject({ kind: 'Status', code: 413 });
});

test('a patch that copies what it copied before is refused before it fills the memory', async () => {
  const list = Array.from({ length: 1000 }, () => []);
  await server.request('POST', configMaps, { metadata: { name: 'x' } });
  const copies = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/data/l', path: '/data/l/-' }));
  const answer = await server.request(
    'PATCH',
    `${configMaps}/x`,
    [{ op: 'add', path: '/data', value: { l: list } }, ...copies],
    { 'content-type': 'application/json-patch+json' },
  );
  expect(answer.json()).toMatchObject({ kind: 'Status', code: 413 });
  const small = [{ op: 'copy', from: '/metadata/name', path: '/metadata/annotations' }];
  const wrong = await server.request('PATCH', `${configMaps}/x`, small, {
    'content-type': 'application/json-patch+json',
  });
  expect(wrong.json().code).toBeLessThan(500);
});

test('fields that every object has by its prototype are unknown fields like others', async () => {
  const strict = '?fieldValidation=Strict';
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    const body = {
      metadata: { name: 'y' },
      spec: { containers: [{ name: 'c', image: 'i' }], [name]: { a: 1 } },
    };
    const answer = await server.request('POST', `/api/v1/namespaces/default/pods${strict}`, body);
    expect(answer.json().message).toContain(`unknown field "spec.${name}"`);
  }
});

test('paths that are none are answered', async () => {
  for (const path of [
    '/api/v1/%ff',
    '/api/v1/namespaces/default/configmaps/x/y/z',
    '/apis//v1/x',
    '/api/v1/namespaces//configmaps',
  ])
    expect((await server.request('GET', path)).statusCode).toBeGreaterThanOrEqual(400);
  expect((await server.request('DELETE', '/api/v1/namespaces/default/configmaps/none')).json().code).toBe(
    404,
  );
  expect((await server.request('POST', `${configMaps}/x`, {})).json().code).toBe(405);
});

test('thousands of watchers that vanish leave nothing behind, and one that does not read holds up nobody', async () => {
  const url = new URL(await server.listen());
  const sockets = await Promise.all(
    Array.from(
      { length: 500 },
      () =>
        new Promise<ReturnType<typeof connect>>((resolve) => {
          const socket = connect(Number(url.port), url.hostname, () => {
            socket.write(`GET ${configMaps}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`);
            socket.once('data', () => resolve(socket));
          });
        }),
    ),
  );
  const [silent, ...others] = sockets;
  silent!.pause();
  const received = new Promise<void>((resolve) => {
    let text = '';
    others[0]!.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('"last"')) resolve();
    });
  });
  for (const socket of others.slice(1)) socket.destroy();
  const big = 'x'.repeat(200_000);
  for (let index = 0; index < 40; index++)
    await server.request('POST', configMaps, { metadata: { name: `m${index}` }, data: { big } });
  await server.request('POST', configMaps, { metadata: { name: 'last' } });
  await received;
  let text = '';
  const caughtUp = new Promise<void>((resolve) => {
    silent!.on('data', (data) => {
      text = (text + data.toString('latin1')).slice(-5000);
      if (text.includes('"last"')) resolve();
    });
  });
  silent!.resume();
  await caughtUp;
  for (const socket of sockets) socket.destroy();
});

test('HEAD asks and changes nothing, of an object and of a collection', async () => {
  await server.request('POST', configMaps, { metadata: { name: 'kept' } });
  for (const path of [configMaps, `${configMaps}/kept`]) {
    const answer = await server.request('HEAD', path);
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe('');
  }
  expect((await server.request('GET', `${configMaps}/kept`)).statusCode).toBe(200);
});
