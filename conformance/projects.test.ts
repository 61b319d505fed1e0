import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Condition,
  findCondition,
  type HandledRef,
  type KubernetesObject,
  kinds,
  type PipelineRun,
  type Repository,
  resultsOf,
} from '@tagboat/api';
import {
  failures,
  finishedRun,
  PlatformProcess,
  serving,
  tinyProject,
  until,
  WorkingCopy,
} from '@tagboat/dev-env';
import { git } from '@tagboat/git-client';
import { afterAll, beforeAll, expect, test } from 'vitest';

let platform: PlatformProcess;

beforeAll(async () => {
  platform = await PlatformProcess.start();
}, 60_000);
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
});

const copyFor = (name: string, files: Readonly<Record<string, string>>, on = platform) =>
  WorkingCopy.create(() => on.gitUrl(name, name), files);

test('requests never fail while a new version takes over', { timeout: 180_000 }, async () => {
  await using copy = await copyFor('rolling', tinyProject);
  const client = await platform.client();
  await copy.ship('v1.0.0');
  await serving(client, { namespace: 'rolling-staging', model: 'tiny', tag: 'v1.0.0' });
  const seen = new Map<string, number>();
  const stop = new AbortController();
  // One more round after the last version is said to serve: its answers must come from it.
  const asking = Array.from({ length: 4 }, async () => {
    for (let last = false; !last; ) {
      last = stop.signal.aborted;
      const answer = await fetch(`${platform.appsUrl}/rolling-staging/tiny/predict`, {
        method: 'POST',
        body: '1',
      })
        .then(async (response) => `${response.status} ${((await response.json()) as { mean?: number }).mean}`)
        .catch((error: Error) => error.message);
      seen.set(answer, (seen.get(answer) ?? 0) + 1);
    }
  });
  for (const [tag, value] of [
    ['v1.1.0', 43],
    ['v1.2.0', 44],
  ] as const) {
    await copy.ship(tag, { 'helper.py': `VALUE = ${value}\n` });
    await serving(client, { namespace: 'rolling-staging', model: 'tiny', tag });
  }
  stop.abort();
  await Promise.all(asking);
  expect([...seen.keys()].sort()).toEqual(['200 42', '200 43', '200 44']);
});

test('a committed model without train, and two models in one repository', { timeout: 180_000 }, async () => {
  const declare = (name: string, more = '') => `apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata: { name: ${name} }
spec:
  tags: ["${name}@v*"]
  context: ${name}
  artifact: { path: model.json }
  evaluate: { script: evaluate.py, metrics: metrics.json, gates: [{ metric: score, min: 0.5 }] }
  serve: { predictor: "predict.py:Tiny" }
  deploy: [{ environment: staging }]
${more}`;
  // Its data has all the features that its predictor names, so that it is the reference of its inputs.
  const watched = '  data: [{ name: rows, path: rows.csv }]\n  monitor: { drift: {} }\n';
  const named = `${tinyProject['predict.py']!}\n    input_schema = {"type": "object", "properties": {"x": {"type": "number"}}}\n`;
  const files = (name: string, mean: number) => ({
    [`${name}/model.json`]: JSON.stringify({ mean }),
    [`${name}/evaluate.py`]: tinyProject['evaluate.py']!,
    [`${name}/predict.py`]: tinyProject['predict.py']!,
  });
  await using copy = await copyFor('pair', {
    'tagboat.yaml': `${declare('one', watched)}---\n${declare('two')}`,
    ...files('one', 41),
    'one/predict.py': named,
    'one/rows.csv': `y,x\n${Array.from({ length: 60 }, (_, at) => `1,${at}`).join('\n')}\n`,
    ...files('two', 47),
  });
  const client = await platform.client();
  await copy.ship('one@v1.0.0');
  await copy.ship('two@v1.0.0');
  for (const [name, mean] of [
    ['one', 41],
    ['two', 47],
  ] as const) {
    await serving(client, { namespace: 'pair-staging', model: name, tag: `${name}@v1.0.0` });
    const answer = await fetch(`${platform.appsUrl}/pair-staging/${name}/predict`, {
      method: 'POST',
      body: '1',
    });
    expect(await answer.json()).toEqual({ mean, inputs: 1 });
  }
  const inputs = (name: string) => fetch(`${platform.appsUrl}/pair-staging/${name}/inputs`);
  expect(((await (await inputs('one')).json()) as { counts: number[][] }).counts).toHaveLength(1);
  expect((await inputs('two')).status).toBe(404);
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, { namespace: 'pair' });
  expect(items).toHaveLength(2);
});

test('a server that cannot start says why, and the old one serves on; a first release is taken back whole', {
  timeout: 180_000,
}, async () => {
  await using copy = await copyFor('broken', tinyProject);
  const client = await platform.client();
  const where = { namespace: 'broken-staging', model: 'tiny' };
  await copy.ship('v1.0.0');
  await serving(client, { ...where, tag: 'v1.0.0' });
  const raising = tinyProject['predict.py']!.replace(
    'with open(path) as file:',
    'raise KeyError("no column price")\n        with open(path) as file:',
  );
  await copy.ship('v1.1.0', { 'predict.py': raising });
  const service = await until<KubernetesObject<unknown, { conditions?: Condition[] }>>(
    client,
    { type: kinds.InferenceService, namespace: where.namespace, what: 'why the server does not start' },
    ({ status }) => findCondition(status?.conditions, 'Ready')?.reason === 'ModelLoadFailed',
  );
  expect(findCondition(service.status?.conditions, 'Ready')?.message).toMatch(/KeyError: 'no column price'/);
  const ask = () => fetch(`${platform.appsUrl}/broken-staging/tiny/predict`, { method: 'POST', body: '1' });
  expect((await ask()).status).toBe(200);
  for (const to of ['v1\\.0\\.0', 'nothing'])
    expect((await platform.cli(['rollback', 'tiny', '-p', 'broken'])).stdout).toMatch(
      new RegExp(`to ${to} by commit`),
    );
  await until<KubernetesObject<unknown, { sync?: { status?: string }; resources?: unknown[] }>>(
    client,
    { type: kinds.Application, namespace: 'argocd', what: 'an environment with nothing in it' },
    ({ metadata, status }) =>
      metadata.name === 'broken-tiny-staging' &&
      status?.sync?.status === 'Synced' &&
      (status.resources ?? []).length === 0,
  );
  expect((await ask()).status).toBe(404);
});

test('Secrets are listed without their values, and deleted whole or by key', {
  timeout: 60_000,
}, async () => {
  const secret = async (...args: string[]) => {
    const { stdout } = await platform.cli(['secret', ...args, '-p', 'kept', '-o', 'json']);
    expect(stdout).not.toContain('open-sesame');
    return JSON.parse(stdout) as unknown;
  };
  await secret('set', 'login', 'user=me', 'password=open-sesame');
  expect(await secret('list')).toMatchObject([{ name: 'login', type: 'Opaque', keys: ['password', 'user'] }]);
  await secret('delete', 'login', 'password');
  expect(await secret('list')).toMatchObject([{ name: 'login', keys: ['user'] }]);
  await secret('delete', 'login');
  expect(await secret('list')).toEqual([]);
});

test('a moved tag runs anew, a deleted and a stray one do not', { timeout: 180_000 }, async () => {
  await using copy = await copyFor('moving', tinyProject);
  const client = await platform.client();
  await copy.ship('v1.0.0');
  await finishedRun(client, 'moving', 'v1.0.0');
  const moved = await copy.ship('v1.0.0', { 'helper.py': 'VALUE = 46\n' });
  await until<PipelineRun>(
    client,
    { type: kinds.PipelineRun, namespace: 'moving', what: 'the run of the moved tag' },
    ({ metadata, status }) =>
      metadata.annotations?.['tagboat.dev/commit'] === moved && !!status?.completionTime,
  );
  await copy.git('tag', 'backup-2021');
  await copy.push('refs/tags/backup-2021', ':refs/tags/v1.0.0');
  const stray = await until<HandledRef>(
    client,
    { type: kinds.HandledRef, namespace: 'moving', what: 'the stray tag' },
    ({ spec }) => spec?.ref === 'refs/tags/backup-2021',
  );
  expect(stray.spec?.reason).toMatch(/no model's tags match/);
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, { namespace: 'moving' });
  expect(items).toHaveLength(2);
});

test('an outside repository with 500 old tags runs only what is new', { timeout: 180_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-outside-'));
  try {
    const url = join(directory, 'outside.git');
    await git(['init', '--quiet', '--bare', '--initial-branch=main', url]);
    await using copy = await WorkingCopy.create(async () => url, tinyProject);
    await copy.commit('first');
    for (let index = 0; index < 500; index++) await copy.git('tag', `v0.0.${index}`);
    await copy.push('HEAD:refs/heads/main', '--tags');
    const connected = await platform.cli(['connect', `file://${url}`, '-p', 'outside', '--interval', '1']);
    expect(connected.stdout + connected.stderr).toMatch(/500 tags that are known and not run/);
    const client = await platform.client();
    await until<Repository>(
      client,
      { type: kinds.Repository, namespace: 'outside', what: 'the first look' },
      ({ metadata }) => metadata.annotations?.['tagboat.dev/initial-refs'] !== undefined,
    );
    const { items: none } = await client.list<PipelineRun>(kinds.PipelineRun, { namespace: 'outside' });
    expect(none).toHaveLength(0);
    await copy.ship('v1.0.0', { 'helper.py': 'VALUE = 48\n' });
    const run = await finishedRun(client, 'outside', 'v1.0.0');
    expect(await failures(client, run)).toMatch(/^Tasks Completed: 6 \(Failed: 0/);
    await serving(client, { namespace: 'outside-staging', model: 'tiny', tag: 'v1.0.0' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('two state directories make the same image of the same tag', { timeout: 180_000 }, async () => {
  await using other = await PlatformProcess.start();
  const digests: (string | undefined)[] = [];
  for (const one of [platform, other]) {
    await using copy = await copyFor('twice', tinyProject, one);
    await copy.ship('v1.0.0');
    digests.push(resultsOf(await finishedRun(await one.client(), 'twice', 'v1.0.0'))['build-image-digest']);
  }
  expect(digests[0]).toMatch(/^sha256:/);
  expect(digests[1]).toBe(digests[0]);
});

test('a cyclic pipeline is refused in words', async () => {
  const client = await platform.client();
  const task = (name: string, after: string) => ({
    name,
    runAfter: [after],
    taskSpec: { steps: [{ name: 'say', image: 'bash', script: 'echo hi' }] },
  });
  const refused = client.create<PipelineRun>(kinds.PipelineRun, {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: 'cyclic', namespace: 'cycles' },
    spec: { pipelineSpec: { tasks: [task('a', 'b'), task('b', 'a')] } },
  });
  await expect(refused).rejects.toThrow(/the tasks wait for each other in a circle: a -> b -> a/);
});
