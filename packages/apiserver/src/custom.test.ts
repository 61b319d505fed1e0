import { type KubernetesObject, kinds } from '@tagboat/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestServer } from './testing/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const cronTabs = '/apis/stable.example.com/v1/namespaces/default/crontabs';
const merge = { 'content-type': 'application/merge-patch+json' };
const version = (name: string, storage: boolean, more: object = {}) => ({
  name,
  served: true,
  storage,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          required: ['cron'],
          properties: {
            cron: { type: 'string', maxLength: 20 },
            low: { type: 'integer', default: 1 },
            high: { type: 'integer', default: 9 },
            kind: {
              type: 'string',
              'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is set for good' }],
            },
            parts: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
            },
          },
          'x-kubernetes-validations': [
            { rule: 'self.low <= self.high', message: 'low must not be above high' },
          ],
        },
      },
    },
  },
  ...more,
});
const definition = (...versions: object[]) => ({
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', kind: 'CronTab' },
    versions,
  },
});

async function define(...versions: object[]): Promise<void> {
  const stop = new AbortController();
  const changes = server.store.watch(
    kinds.CustomResourceDefinition,
    {},
    { from: server.store.resourceVersion, signal: stop.signal },
  );
  const answer = await server.request('POST', definitions, definition(...versions));
  expect(answer.statusCode, answer.body).toBe(201);
  for await (const { object } of changes as AsyncIterable<{
    object: KubernetesObject<object, { conditions?: { type: string }[] }>;
  }>)
    if (object.status?.conditions?.some(({ type }) => type === 'Established')) return stop.abort();
}

const cronTab = (spec: object) => ({ metadata: { name: 'my' }, spec });
const messages = (body: { details: { causes: { field: string; message: string }[] } }) =>
  body.details.causes.map(({ field, message }) => `${field}: ${message.replace(/^.*: /, '')}`);

test('schema, defaults, pruning, keys of lists, and rules', async () => {
  await define(version('v1', true));
  const created = (
    await server.request('POST', cronTabs, cronTab({ cron: '* *', stray: 1, kind: 'a' }))
  ).json();
  expect(created.spec).toEqual({ cron: '* *', low: 1, high: 9, kind: 'a' });
  const wrong = (await server.request('PATCH', `${cronTabs}/my`, { spec: { low: 20 } }, merge)).json();
  expect(messages(wrong)).toEqual(['spec: low must not be above high']);
  const changed = (await server.request('PATCH', `${cronTabs}/my`, { spec: { kind: 'b' } }, merge)).json();
  expect(messages(changed)).toEqual(['spec.kind: is set for good']);
  const twice = await server.request(
    'PATCH',
    `${cronTabs}/my`,
    { spec: { parts: [{ name: 'x' }, { name: 'x' }] } },
    merge,
  );
  expect(twice.json().details.causes[0]).toMatchObject({
    reason: 'FieldValueDuplicate',
    field: 'spec.parts[1]',
  });
  const typed = (await server.request('PATCH', `${cronTabs}/my`, { spec: { cron: 7 } }, merge)).json();
  expect(typed).toMatchObject({
    code: 422,
    details: { causes: [{ reason: 'FieldValueTypeInvalid', field: 'spec.cron' }] },
  });
});

test('two versions are two views of one object; the older one says that it is old', async () => {
  await define(version('v1', true), version('v1beta1', false, { deprecated: true }));
  await server.request('POST', cronTabs, cronTab({ cron: '*' }));
  const old = await server.request('GET', cronTabs.replace('/v1/', '/v1beta1/'));
  expect(old.json().items[0]).toMatchObject({
    apiVersion: 'stable.example.com/v1beta1',
    spec: { cron: '*' },
  });
  const patched = await server.request(
    'PATCH',
    `${cronTabs.replace('/v1/', '/v1beta1/')}/my`,
    { spec: { high: 5 } },
    merge,
  );
  expect([patched.headers.warning].flat()[0]).toContain('deprecated');
  expect((await server.request('GET', `${cronTabs}/my`)).json()).toMatchObject({
    apiVersion: 'stable.example.com/v1',
    spec: { high: 5 },
  });
});

test('a definition that cannot be served is refused, field by field', async () => {
  const bad = version('v1', false) as ReturnType<typeof version> & {
    schema: { openAPIV3Schema: { properties: { spec: { properties: Record<string, object> } } } };
  };
  bad.schema.openAPIV3Schema.properties.spec.properties = {
    a: { type: 'string', pattern: '(' },
    b: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self ==' }] },
  } as never;
  const answer = (
    await server.request('POST', definitions, { ...definition(bad), metadata: { name: 'other' } })
  ).json();
  expect(answer.details.causes.map(({ field }: { field: string }) => field)).toEqual([
    'metadata.name',
    'spec.versions',
    'spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.a.pattern',
    'spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.b.x-kubernetes-validations',
  ]);
});

test('a definition of a built-in kind is accepted, and changes nothing', async () => {
  const tekton = {
    metadata: { name: 'tasks.tekton.dev' },
    spec: {
      group: 'tekton.dev',
      scope: 'Namespaced',
      names: { plural: 'tasks', kind: 'Task' },
      versions: [version('v1', true)],
    },
  };
  expect((await server.request('POST', definitions, tekton)).statusCode).toBe(201);
  const task = { metadata: { name: 't' }, spec: { steps: [{ image: 'bash', script: 'true' }] } };
  expect(
    (await server.request('POST', '/apis/tekton.dev/v1/namespaces/default/tasks', task)).statusCode,
  ).toBe(201);
});
