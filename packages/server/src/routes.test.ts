import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pod } from '@tagboat/api';
import { Resources } from '@tagboat/apiserver';
import { silentLogger, systemClock } from '@tagboat/base';
import { BlobStore } from '@tagboat/registry';
import { ObjectStore } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MainPortOptions, mainPort } from './main-port.ts';
import { Measurements } from './measurements.ts';
import { Sessions } from './sessions.ts';
import { Shares } from './shares.ts';
import { SignIn } from './sign-in.ts';
import { Tokens } from './tokens.ts';

/**
 * Who may use which route of the main port. `anybody`: it holds no data, or checks a signature of its own; `owner`;
 * `project`: also pods of the project that it names; `workbench`: also that project's workbenches. A route without a line
 * here fails.
 */
type Rule = 'anybody' | 'owner' | 'project' | 'workbench';
const rules: readonly [RegExp, Rule][] = [
  [/^\/(healthz|livez|readyz|metrics|sign-in|sign-out|favicon\.svg|theme\.js|assets\/\*)$/, 'anybody'],
  [/^\/(webhooks\/?|webhooks\/:project\/:repository|incoming)$/, 'anybody'],
  // They look at the link's own cookie: shares.test.ts.
  [/^\/shared\//, 'anybody'],
  [/^\/tagboat(\/runs)?$/, 'workbench'],
  [/^\/tagboat\//, 'owner'],
  [/^\/workbenches\//, 'owner'],
  [/^\/prometheus\//, 'owner'],
  [/^\/git-credentials$/, 'project'],
  [/^\/image-builds\/:project$/, 'project'],
  [/^\/v2\/_catalog$/, 'owner'],
  [/^\/v2\/?$/, 'project'],
  [/^\/v2\/\*$/, 'project'],
  [/^\/git\/api\/v1\/(version|user)$/, 'owner'],
  [/^\/git\/api\/v1\/repos\/:owner\/:repo(\/.*|)$/, 'project'],
  [/^\/git\/:namespace\/:repository\//, 'project'],
  [/^\/apis\/:group\/:version\/\*$/, 'workbench'],
  [/^\/api\/v1\/\*$/, 'workbench'],
  [/^\/(api|apis|openapi|version)(\/.*)?$/, 'owner'],
];

const host = '127.0.0.1:8080';
const passed = 299;
let home: string;
let app: FastifyInstance;
let store: ObjectStore;
let tokens: Record<'owner' | 'run' | 'workbench' | 'stranger' | 'evil', string> & { nobody: undefined };
const routes: { method: string; url: string }[] = [];

const pod = (namespace: string, name: string, more: Partial<Pod['metadata']> = {}) =>
  store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, ...more },
    spec: { containers: [] },
  });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'routes-'));
  store = new ObjectStore();
  const opened = await Tokens.open(home, store);
  const owner = { apiVersion: 'kubeflow.org/v1', kind: 'Notebook', name: 'ada', uid: 'u', controller: true };
  tokens = {
    owner: opened.owner,
    run: opened.forPod(await pod('demo', 'run')),
    workbench: opened.forPod(await pod('demo', 'ada-0', { ownerReferences: [owner] })),
    stranger: opened.forPod(await pod('other', 'run')),
    evil: `${opened.forPod(await pod('demo', 'x'))}x`,
    nobody: undefined,
  };
  const measurements = new Measurements({
    ...{ reader: store, clock: systemClock, log: silentLogger, home },
    ownText: () => '',
  });
  const absent = () => {
    throw new Error('not part of this');
  };
  app = mainPort({
    ...{ store, home, types: store.types, measurements, log: silentLogger },
    resources: new Resources(store, store.types),
    signIn: new SignIn(opened, await Sessions.open(home, systemClock)),
    shares: await Shares.open(home, store, systemClock),
    blobs: new BlobStore(join(home, 'blobs')),
    ...{ podAccess: absent, repositories: absent, hosting: absent, forgeController: absent },
    ...{ repositoryController: absent, triggers: () => undefined, pushed: absent, metrics: () => '' },
    ...{ drift: () => undefined, about: () => ({}), health: async () => ({}), collect: absent },
    consoleDirectory: join(home, 'web'),
    workbenches: {} as MainPortOptions['workbenches'],
  });
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url });
  });
  // Whoever comes this far was let through; what handlers do is not asked for here.
  app.addHook('preHandler', async (_request, reply) => reply.code(passed).send());
  await app.ready();
});

afterAll(async () => {
  await app.close();
  await store[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

/** A path of the project `demo` that a route stands for. */
const example = (url: string) =>
  url
    .replace(/:(namespace|project|owner)\b/, 'demo')
    .replace('/:group/:version/*', '/tekton.dev/v1/namespaces/demo/pipelineruns')
    .replace('/api/v1/*', '/api/v1/namespaces/demo/pods')
    .replace('/v2/*', '/v2/demo/app/tags/list')
    .replace('*', 'x')
    .replaceAll(/:[A-Za-z]+/g, 'x');

async function passes(method: string, path: string, token: string | undefined): Promise<boolean> {
  const { statusCode } = await app.inject({
    method: method as 'GET',
    url: path === '/tagboat/runs' ? `${path}?project=demo` : path,
    headers: { host, ...(token ? { authorization: `Bearer ${token}` } : {}) },
  });
  return statusCode === passed;
}

/** Who may use a route, of those that are asked about here. */
function allowed(rule: Rule, method: string, path: string): Partial<Record<keyof typeof tokens, boolean>> {
  if (rule === 'anybody') return { nobody: true };
  const isProject = rule === 'project';
  return {
    nobody: false,
    evil: false,
    // What names no project is for all of them.
    stranger: isProject && !path.includes('demo'),
    run: isProject,
    // Some of what it may write is tested beside `mayWorkbench`.
    ...(isProject || rule === 'owner' || method === 'GET'
      ? { workbench: isProject || rule === 'workbench' }
      : {}),
    owner: true,
  };
}

test('every route has a rule, and lets nobody through but whom the rule says', async () => {
  expect(routes.length).toBeGreaterThan(100);
  const wrong: string[] = [];
  for (const { method, url } of routes) {
    const rule = rules.find(([pattern]) => pattern.test(url))?.[1];
    if (!rule) wrong.push(`${method} ${url} has no rule`);
    const path = example(url);
    for (const [who, may] of Object.entries(rule ? allowed(rule, method, path) : {}))
      if ((await passes(method, path, tokens[who as keyof typeof tokens])) !== may)
        wrong.push(`${who} ${may ? 'may not' : 'may'} ${method} ${url}`);
  }
  expect(wrong).toEqual([]);
});

test('a path that is written in another way is no way past them', async () => {
  const page = { host, accept: 'text/html', 'sec-fetch-dest': 'document' };
  for (const url of [
    '/%61pi/v1/namespaces/demo/secrets',
    '/api%2fv1%2fnamespaces%2fdemo%2fsecrets',
    '//api/v1/namespaces/demo/secrets',
    '/%74agboat/runs',
    '/sign-in/../tagboat/runs',
    '/tagboat/runs;/sign-in',
    '/tagboat/runs#/sign-in',
  ])
    for (const token of [undefined, tokens.stranger]) {
      const headers = { ...page, ...(token ? { authorization: `Bearer ${token}` } : {}) };
      const { statusCode } = await app.inject({ method: 'GET', url, headers });
      expect([401, 403, 404], url).toContain(statusCode);
    }
});
