import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { recordInputsAnnotation } from '@tagboat/render';
import { mutate, ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Measurements } from './measurements.ts';

let home: string;
let store: ObjectStore;
let measurements: Measurements;
let app: FastifyInstance;
let clock: ManualClock;

const exchange = (path: string) => ({
  namespace: 'demo-staging',
  name: 'm',
  method: 'POST',
  path,
  status: 200,
  milliseconds: 1.23456,
  requestBytes: 5,
  responseBytes: 6,
  model: 'sha256:m',
  input: () => 'what was asked',
});

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'measurements-'));
  store = new ObjectStore({});
  await store.create({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Model',
    metadata: { name: 'm', namespace: 'demo' },
    spec: { repository: 'm', deploy: [{ environment: 'staging', via: 'commit' }] },
  } as never);
  const ownText = () => 'tagboat_requests_total{namespace="demo-staging",name="m",code="200"} 3\n';
  clock = new ManualClock();
  measurements = new Measurements({
    reader: store,
    clock,
    log: silentLogger,
    home,
    ownText,
  });
  app = Fastify();
  app.register((scope) => measurements.prometheus(scope), { prefix: '/prometheus' });
  app.register(async (scope) => measurements.routes(scope));
});

afterEach(async () => {
  await measurements[Symbol.asyncDispose]();
  await app.close();
  await store[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

const recent = async () => (await app.inject('/tagboat/requests/demo-staging/m')).json().items;

test('requests are remembered without their content, unless the model says so', async () => {
  await measurements.start('127.0.0.1:8080');
  measurements.observe(exchange('/predict'));
  expect(await recent()).toEqual([
    {
      namespace: 'demo-staging',
      name: 'm',
      time: '2026-01-01T00:00:00.000Z',
      method: 'POST',
      path: '/predict',
      status: 200,
      milliseconds: 1.23,
      requestBytes: 5,
      responseBytes: 6,
      model: 'sha256:m',
    },
  ]);
  const key = { type: kinds.Model, namespace: 'demo', name: 'm' };
  const annotate = (value: string) =>
    mutate(store, key, (draft) => {
      draft.metadata.annotations = { [recordInputsAnnotation]: value };
    });
  await annotate('true');
  await vi.waitFor(async () => {
    measurements.observe(exchange('/again'));
    expect((await recent())[0].input).toBe('what was asked');
  });
  await annotate('false');
  await vi.waitFor(async () => {
    measurements.observe(exchange('/off'));
    expect((await recent())[0].input).toBeUndefined();
  });
  const limited = await app.inject('/tagboat/requests/demo-staging/m?limit=1');
  expect(limited.json().items).toHaveLength(1);
});

test('whoever watches all services hears of each once in a while, however much it answers', async () => {
  await measurements.start('127.0.0.1:8080');
  const stop = new AbortController();
  const url = `${await app.listen({ port: 0 })}/tagboat/requests?watch=true`;
  const response = await fetch(url, { signal: stop.signal });
  const pieces = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const heard = async (count: number) => {
    while (text.split('\n').length <= count) text += (await pieces.read()).value!;
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name);
  };
  for (let times = 0; times < 3; times++) measurements.observe(exchange('/predict'));
  measurements.observe({ ...exchange('/predict'), name: 'other' });
  expect(await heard(2)).toEqual(['m', 'other']);
  clock.advance(10_000);
  measurements.observe(exchange('/predict'));
  expect(await heard(3)).toEqual(['m', 'other', 'm']);
  stop.abort();
  expect((await app.inject('/tagboat/requests')).statusCode).not.toBe(200);
});

test('who watches and does not read is cut off, instead of all being kept for it', async () => {
  await measurements.start('127.0.0.1:8080');
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /tagboat/requests/demo-staging/m?watch=true HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(socket, 'data');
  socket.pause();
  for (let times = 0; times < 50; times++) {
    for (let each = 0; each < 10; each++) measurements.observe(exchange(`/${'x'.repeat(64 * 1024)}`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  let read = 0;
  socket.on('data', (chunk) => {
    read += chunk.length;
  });
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'close');
  expect(read).toBeLessThan(500 * 64 * 1024);
});

test("the platform's own metrics are there for PromQL from the start", async () => {
  await measurements.start('127.0.0.1:8080');
  const query = 'sum by (name) (tagboat_requests_total)';
  await vi.waitFor(async () => {
    const response = await app.inject(`/prometheus/api/v1/query?query=${encodeURIComponent(query)}`);
    expect(response.json().data.result).toMatchObject([
      { metric: { name: 'm' }, value: [expect.any(Number), '3'] },
    ]);
  });
});

test('before the start there is nothing, and it is said', async () => {
  measurements.observe(exchange('/lost'));
  expect((await app.inject('/tagboat/requests/demo-staging/m')).statusCode).not.toBe(200);
});
