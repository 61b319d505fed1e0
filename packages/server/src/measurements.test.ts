import { mkdtemp, rm } from 'node:fs/promises';
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
  measurements = new Measurements({
    reader: store,
    clock: new ManualClock(),
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
