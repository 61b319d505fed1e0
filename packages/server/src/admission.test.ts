import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@tagboat/base';
import { hostTools } from '@tagboat/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfiguration } from './configuration.ts';
import { type Platform, startPlatform } from './platform.ts';

let home: string;
let platform: Platform;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-admission-'));
  platform = await startPlatform({
    configuration: await readConfiguration({
      TAGBOAT_HOME: home,
      TAGBOAT_PORT: '0',
      TAGBOAT_TLS_PORT: 'off',
      TAGBOAT_DRIVER: 'process',
    }),
    tools: hostTools({ tagboat: ['/bin/true'], directories: [], python: async () => undefined }),
    log: silentLogger,
  });
}, 60_000);
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const v1 = '/apis/tekton.dev/v1/namespaces/default';

async function request(method: string, path: string, body: object, type = 'application/json') {
  const response = await fetch(`${platform.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.token}`, 'content-type': type },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    warning: response.headers.get('warning') ?? '',
    body: (await response.json()) as Record<string, unknown>,
  };
}

const denied = (message: string, reason = 'BadRequest') => ({
  status: 400,
  body: {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason,
    code: 400,
    message: expect.stringContaining(
      `admission webhook "validation.webhook.pipeline.tekton.dev" denied the request: validation failed: ${message}`,
    ),
  },
});

const steps = [{ name: 'a', image: 'alpine' }];

test('a run of one version can be cancelled by a client of another', async () => {
  const run = {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: 'waiting' },
    spec: { status: 'PipelineRunPending', pipelineSpec: { tasks: [{ name: 'a', taskSpec: { steps } }] } },
  };
  expect((await request('POST', `${v1}/pipelineruns`, run)).status).toBe(201);
  const path = `${v1.replace('/v1/', '/v1beta1/')}/pipelineruns/waiting`;
  const patch = { spec: { status: 'Cancelled' } };
  const { status, body } = await request('PATCH', path, patch, 'application/merge-patch+json');
  expect(body).toMatchObject({ apiVersion: 'tekton.dev/v1beta1', spec: { status: 'Cancelled' } });
  expect(status).toBe(200);
  expect((await request('POST', `${v1}/pipelineruns`, { ...run, metadata: { name: 'other' } })).status).toBe(
    201,
  );
  const put = await request('PUT', path.replace('waiting', 'other'), {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'PipelineRun',
    metadata: { name: 'other' },
    spec: { ...run.spec, status: 'Cancelled', timeouts: { pipeline: '1h0m0s' } },
  });
  expect(put).toMatchObject({ status: 200, body: { spec: { serviceAccountName: 'default' } } });
});

test('what a run does not say is filled in, as Tekton’s webhook does', async () => {
  const { body } = await request('POST', `${v1}/pipelineruns`, {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'r-' },
    spec: {
      pipelineSpec: {
        params: [{ name: 'list', default: ['a'] }],
        tasks: [{ name: 'a', taskSpec: { results: [{ name: 'r' }], steps } }],
      },
    },
  });
  expect(body).toMatchObject({
    metadata: { labels: { 'app.kubernetes.io/managed-by': 'tekton-pipelines' } },
    spec: {
      timeouts: { pipeline: '1h0m0s' },
      taskRunTemplate: { serviceAccountName: 'default' },
      pipelineSpec: {
        params: [{ name: 'list', type: 'array' }],
        tasks: [{ taskSpec: { results: [{ name: 'r', type: 'string' }] } }],
      },
    },
  });
});

test.each([
  ['tasks', { steps: [] }, 'missing field(s): spec.steps'],
  ['tasks', { steps: [...steps, ...steps] }, 'expected exactly one, got both'],
  ['pipelines', { tasks: [{ name: 'A', taskRef: { name: 't' } }] }, 'invalid value: "A"'],
  [
    'pipelines',
    { tasks: [{ name: 'a', runAfter: ['a'], taskRef: { name: 't' } }] },
    'invalid value: cycle detected',
  ],
  ['taskruns', {}, 'expected exactly one, got neither: spec.taskRef, spec.taskSpec'],
  ['pipelineruns', { pipelineRef: {} }, 'missing field(s): spec.pipelineRef.name'],
  [
    'pipelineruns',
    { pipelineRef: { name: 'p' }, timeouts: { pipeline: '1h', tasks: '2h' } },
    'invalid value: 2h0m0s should be <= pipeline duration: spec.timeouts.tasks',
  ],
])('the API refuses of %s what Tekton’s webhook refuses: %j', async (plural, spec, message) => {
  expect(await request('POST', `${v1}/${plural}`, { metadata: { name: 'x' }, spec })).toMatchObject(
    denied(message),
  );
});

test('StepActions and a dry run are held to the same', async () => {
  const path = '/apis/tekton.dev/v1beta1/namespaces/default/stepactions';
  const action = { metadata: { name: 'x' }, spec: { script: 'true' } };
  expect(await request('POST', path, action)).toMatchObject(denied('missing field(s): spec.image'));
  const task = { metadata: { name: 'x' }, spec: { steps: [] } };
  expect(await request('POST', `${v1}/tasks?dryRun=All`, task)).toMatchObject(
    denied('missing field(s): spec.steps'),
  );
});

test('a change and a patch are refused as well, and what was there stays', async () => {
  const created = await request('POST', `${v1}/tasks`, { metadata: { name: 'kept' }, spec: { steps } });
  expect(created.status).toBe(201);
  const patch = { spec: { steps: [{ name: 'a', image: 'alpine', onError: 'maybe' }] } };
  const merge = 'application/merge-patch+json';
  expect(await request('PATCH', `${v1}/tasks/kept`, patch, merge)).toMatchObject(
    denied('invalid value: "maybe"'),
  );
  const run = { metadata: { name: 'r' }, spec: { taskRef: { name: 'none' } } };
  expect((await request('POST', `${v1}/taskruns`, run)).status).toBe(201);
  const other = { spec: { taskRef: { name: 'other' } } };
  expect(await request('PATCH', `${v1}/taskruns/r`, other, merge)).toMatchObject(
    denied('invalid value: Once the TaskRun'),
  );
});

test('Tekton’s settings are held to their own webhook', async () => {
  await request('POST', '/api/v1/namespaces', { metadata: { name: 'tekton-pipelines' } });
  const { status, body } = await request('POST', '/api/v1/namespaces/tekton-pipelines/configmaps', {
    metadata: { name: 'config-defaults' },
    data: { 'default-timeout-minutes': 'soon' },
  });
  expect(status).toBe(400);
  expect(body.message).toContain('admission webhook "config.webhook.pipeline.tekton.dev" denied the request');
});
