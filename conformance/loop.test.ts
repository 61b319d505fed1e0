import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Experiment, kinds, type PipelineRun, resultsOf } from '@tagboat/api';
import {
  failures,
  finishedRun,
  PlatformProcess,
  type PlatformProcessOptions,
  reasonOf,
  serving,
  tinyProject,
  until,
  WorkingCopy,
} from '@tagboat/dev-env';
import { runCommand } from '@tagboat/process';
import { debianPrograms } from '@tagboat/process/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const isRoot = process.getuid?.() === 0;

async function predict(
  platform: PlatformProcess,
  namespace: string,
): Promise<{ status: number; mean: unknown }> {
  const response = await fetch(`${platform.appsUrl}/${namespace}/tiny/predict`, {
    method: 'POST',
    body: '1',
  });
  const body = (await response.json()) as { mean?: unknown };
  return { status: response.status, mean: body.mean };
}

const newCopy = (platform: PlatformProcess, files = tinyProject) =>
  WorkingCopy.create(() => platform.gitUrl('demo', 'tiny'), files);

/** Starts a command where no user namespace can be made (user_namespaces(7): the limit counts below the one it is set in). */
const withoutNamespaces = [
  'unshare',
  '--user',
  '--map-current-user',
  '--keep-caps',
  'sh',
  '-c',
  'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"',
  'sh',
] as const;

/** A training that tries what it does not need, and says what it reached. */
const curious = (home: string) => `${tinyProject['train.py']}
import urllib.request
with open(f"/proc/{os.getppid()}/environ") as file:
    step = dict(line.split("=", 1) for line in file.read().split(chr(0)) if "=" in line)
with open(step["TAGBOAT_TOKEN_FILE"]) as file:
    token = file.read()

def ask(path):
    request = urllib.request.Request(step["TAGBOAT_URL"] + path, headers={"authorization": "Bearer " + token})
    return urllib.request.urlopen(request)

for what, action in {
    "the owner's token": lambda: open(${JSON.stringify(join(home, 'config', 'token'))}).read(),
    "pushes": lambda: ask("/git/demo/tiny.git/info/refs?service=git-receive-pack"),
    "releases": lambda: ask("/git/demo/tiny-deployment.git/info/refs?service=git-receive-pack"),
    "secrets": lambda: ask("/api/v1/namespaces/demo/secrets"),
    "images": lambda: ask("/v2/demo/tiny/tags/list"),
    "its cache": lambda: ask("/v2/demo/tiny/cache/tags/list"),
}.items():
    try:
        action()
        print("reached", what)
    except OSError as error:
        print("reached" if getattr(error, "code", 403) == 404 else "kept from", what)
`;

describe.each<{ name: string; options: PlatformProcessOptions }>([
  { name: 'the default driver', options: {} },
  { name: 'the process driver', options: { driver: 'process' as const } },
  { name: 'an ordinary user', options: { uid: 65534 } },
  {
    name: 'an ordinary user without user namespaces',
    options: { uid: 65534, through: [...withoutNamespaces], parent: '/var/lib' },
  },
])('a tag becomes a served model with $name', ({ options }) => {
  test.skipIf('uid' in options && !isRoot)('from push to answer', { timeout: 180_000 }, async () => {
    await using platform = await PlatformProcess.start(options);
    if ('through' in options) {
      expect(platform.driver).toBe('process');
      expect(platform.output).toMatch(/pods run as plain processes: /);
    }
    await using copy = await newCopy(platform, { ...tinyProject, 'train.py': curious(platform.home) });
    await copy.ship('v1.0.0');
    const client = await platform.client();
    const run = await finishedRun(client, 'demo', 'v1.0.0');
    expect(await failures(client, run)).not.toMatch(/error|exited/);
    expect(reasonOf(run)).toBe('Succeeded');
    const said = (await platform.cli(['logs', run.metadata.name])).stdout;
    expect(said).not.toMatch(/enter\.sh/);
    const open = /they can read what this user can, the owner's token too/.test(platform.output);
    expect(open).toBe(platform.driver === 'process' && !('parent' in options));
    expect([...said.matchAll(/(reached|kept from) (.*)/g)].map(([line]) => line)).toEqual([
      `${open ? 'reached' : 'kept from'} the owner's token`,
      'kept from pushes',
      'kept from releases',
      'kept from secrets',
      'kept from images',
      'reached its cache',
    ]);
    await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
    expect(await predict(platform, 'demo-staging')).toEqual({ status: 200, mean: 42 });
    expect(await platform.stop()).toBe(0);
    await platform.start();
    expect(await predict(platform, 'demo-staging')).toEqual({ status: 200, mean: 42 });
  });
});

const bare = isRoot
  ? await debianPrograms(['python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib', 'libexpat1'])
  : 'it needs packages of Debian 12, fetched as root';
const noBare = typeof bare === 'string' ? bare : undefined;

test(`a Python without pip and ensurepip${noBare ? ` (skipped: ${noBare})` : ''}`, {
  timeout: 180_000,
  skip: noBare !== undefined,
}, async () => {
  if (typeof bare === 'string') return;
  const python = join(bare.path.split(':')[0]!, 'python3.11');
  for (const module of ['pip', 'ensurepip'])
    expect((await runCommand(python, ['-m', module, '--version'])).code, module).not.toBe(0);
  await using platform = await PlatformProcess.start({
    environment: { PATH: `${bare.path}:${process.env.PATH}`, LD_LIBRARY_PATH: bare.libraries },
  });
  const files = {
    ...tinyProject,
    'requirements.txt': 'six==1.16.0\n',
    'helper.py': 'import six\nVALUE = 42 if six.PY3 else 0\n',
  };
  await using copy = await newCopy(platform, files);
  await copy.ship('v1.0.0');
  const client = await platform.client();
  const run = await finishedRun(client, 'demo', 'v1.0.0');
  expect(reasonOf(run), await failures(client, run)).toBe('Succeeded');
  await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
  expect(await predict(platform, 'demo-staging')).toEqual({ status: 200, mean: 42 });
});

describe('a project through its life', () => {
  let platform: PlatformProcess;
  let copy: WorkingCopy;

  beforeAll(async () => {
    platform = await PlatformProcess.start();
    copy = await newCopy(platform);
    await copy.ship('v1.0.0');
    await finishedRun(await platform.client(), 'demo', 'v1.0.0');
    await serving(await platform.client(), { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
  }, 180_000);
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    await copy?.[Symbol.asyncDispose]();
  });

  const ship = async (tag: string, files: Record<string, string> = {}) => {
    await copy.ship(tag, files);
    return finishedRun(await platform.client(), 'demo', tag);
  };
  const tagFailure = async (run: PipelineRun) => failures(await platform.client(), run);

  test('a README is no reason to train: same model, same image', { timeout: 120_000 }, async () => {
    const before = resultsOf(await finishedRun(await platform.client(), 'demo', 'v1.0.0'));
    const after = resultsOf(await ship('v1.0.1', { 'README.md': '# changed\n' }));
    expect(after['train-reused']).toBe('true');
    expect(after['build-image-digest']).toBe(before['build-image-digest']);
  });

  test('serve.replicas trains nothing; an imported helper does', { timeout: 120_000 }, async () => {
    const yaml = tinyProject['tagboat.yaml']!.replace('predict.py:Tiny', 'predict.py:Tiny\n    replicas: 2');
    expect(resultsOf(await ship('v1.0.2', { 'tagboat.yaml': yaml }))['train-reused']).toBe('true');
    const run = await ship('v1.1.0', { 'helper.py': 'VALUE = 43\n' });
    expect(resultsOf(run)['train-reused']).toBe('false');
    await serving(await platform.client(), { namespace: 'demo-staging', model: 'tiny', tag: 'v1.1.0' });
    expect((await predict(platform, 'demo-staging')).mean).toBe(43);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['a failing gate', { 'helper.py': 'VALUE = 10\n' }, /score: 0\.2 is below the minimum 0\.5/],
    [
      'worse than deployed',
      { 'helper.py': 'VALUE = 30\n' },
      /score: 0\.6, the deployed model 0\.86 on the same data: worse by 0\.26, allowed 0\.1/,
    ],
    ['NaN', { 'helper.py': 'VALUE = float("nan")\n' }, /the metric "score" is NaN/],
    [
      'an exception',
      { 'train.py': 'raise ValueError("no such column: price")\n' },
      /train\.py:1: train\.py failed with exit code 1: ValueError: no such column: price/,
    ],
    ['a missing model', { 'train.py': 'pass\n' }, /without writing the model to models\/model\.json/],
    [
      'an undeclared file',
      { 'train.py': 'open("docs/table.csv")\n', 'docs/table.csv': '1\n' },
      /docs\/table\.csv is in the repository, but it is not a declared input/,
    ],
    [
      'invalid YAML',
      { 'tagboat.yaml': 'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: {\n' },
      /tagboat\.yaml:\d+:\d+/,
    ],
    [
      'an unknown key',
      { 'tagboat.yaml': tinyProject['tagboat.yaml']!.replace('gates:', 'gatez:') },
      /tagboat\.yaml:13:\d+.*gatez/,
    ],
  ])('%s is refused in words', { timeout: 120_000 }, async (name, files, message) => {
    await copy.write(tinyProject);
    const tag = `v2.${name.length}.${Object.keys(files).join('').length}`;
    const run = await ship(tag, files);
    expect(reasonOf(run)).not.toBe('Succeeded');
    expect(await tagFailure(run)).toMatch(message);
    expect(await predict(platform, 'demo-staging')).toEqual({ status: 200, mean: 43 });
  });

  test('promotion is a commit, rollback its revert', { timeout: 120_000 }, async () => {
    const client = await platform.client();
    expect((await platform.cli(['promote', 'tiny'])).stdout).toMatch(/v1\.1\.0 goes to production/);
    await serving(client, { namespace: 'demo-production', model: 'tiny', tag: 'v1.1.0' });
    await copy.write(tinyProject);
    await ship('v3.0.0', { 'helper.py': 'VALUE = 45\n' });
    await platform.cli(['promote', 'tiny']);
    await serving(client, { namespace: 'demo-production', model: 'tiny', tag: 'v3.0.0' });
    expect((await platform.cli(['rollback', 'tiny', '-e', 'production'])).stdout).toMatch(
      /from v3\.0\.0 to v1\.1\.0/,
    );
    await serving(client, { namespace: 'demo-production', model: 'tiny', tag: 'v1.1.0' });
    expect((await predict(platform, 'demo-production')).mean).toBe(43);
  });

  test('experiments and traces know what was trained', async () => {
    const { items } = await (await platform.client()).list<Experiment>(kinds.Experiment, {
      namespace: 'demo',
    });
    const first = items.find(({ spec }) => spec?.tag === 'v1.0.0');
    expect(first?.spec?.metrics).toEqual({ score: 0.84 });
    const trace = await platform.cli(['trace', first!.spec!.modelDigest!, '-o', 'json']);
    expect(JSON.parse(trace.stdout)[0]).toMatchObject({ model: 'tiny', commit: first?.spec?.commit });
  });

  test('an old tag pushed late is superseded', { timeout: 120_000 }, async () => {
    const run = await ship('v0.0.1', { 'helper.py': 'VALUE = 44\n' });
    expect(resultsOf(run)['release-outcome']).toBe('Superseded');
  });
});

test('new data is retrained once, bad data refused', { timeout: 240_000 }, async () => {
  let value = '40';
  const server = createServer((_request, response) => response.end(value)).listen(0, '127.0.0.1');
  await using platform = await PlatformProcess.start();
  const port = (server.address() as AddressInfo).port;
  const yaml = tinyProject['tagboat.yaml']!.replace(
    '  train:',
    `  data:\n    - { name: number, path: data/number.txt, url: "http://127.0.0.1:${port}/" }\n  train:`,
  );
  const train = `import json, os
json.dump({"mean": int(open(os.environ["TAGBOAT_DATA_NUMBER"]).read())}, open(os.environ["TAGBOAT_MODEL"], "w"))
`;
  await using copy = await newCopy(platform, { ...tinyProject, 'tagboat.yaml': yaml, 'train.py': train });
  try {
    const client = await platform.client();
    await copy.commit('first');
    await copy.push('HEAD:refs/heads/main');
    await copy.ship('v1.0.0');
    await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
    expect(await platform.cli(['retrain', 'tiny'])).toMatchObject({
      stdout: expect.stringMatching(/NothingNew/),
    });
    value = '44';
    expect((await platform.cli(['retrain', 'tiny'])).stdout).toMatch(/Tagged: tagged v1\.0\.1/);
    await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.1' });
    expect((await predict(platform, 'demo-staging')).mean).toBe(44);
    const released = await finishedRun(client, 'demo', 'v1.0.1');
    expect(resultsOf(released)['train-reused']).toBe('true');
    await copy.git('fetch', '--quiet', await platform.gitUrl('demo', 'tiny'), 'refs/tags/v1.0.1');
    expect(await copy.git('show', 'FETCH_HEAD:tagboat.lock')).toMatch(
      /number: sha256:[0-9a-f]{64}\n {4}environment:\n {6}requires: sha256:[0-9a-f]{64}\n {6}packages: /,
    );
    const logs = await platform.cli(['logs', released.metadata.name, '-t', 'environment']);
    expect(logs.stdout).toMatch(/0 packages, as tagboat\.lock says/);
    value = '30';
    const refused = await platform.cli(['retrain', 'tiny']);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/Refused: .*score: 0\.6, the deployed model 0\.88 on the same data/s);
    expect(await platform.cli(['retrain', 'tiny'])).toMatchObject({
      stdout: expect.stringMatching(/NothingNew/),
    });
  } finally {
    server.close();
  }
});

test('ten tags together: staging ends at the highest', { timeout: 300_000 }, async () => {
  await using platform = await PlatformProcess.start();
  await using copy = await newCopy(platform);
  const tags = Array.from({ length: 10 }, (_, index) => `v1.${index}.0`);
  for (const [index, tag] of tags.entries()) {
    await copy.write({ 'helper.py': `VALUE = ${40 + index}\n` });
    await copy.commit(tag);
    await copy.git('tag', tag);
  }
  await copy.git('tag', 'backup-2021');
  await copy.push('--tags');
  const client = await platform.client();
  for (const tag of tags) await finishedRun(client, 'demo', tag);
  await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.9.0' });
  expect((await predict(platform, 'demo-staging')).mean).toBe(49);
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, { namespace: 'demo' });
  expect(items).toHaveLength(10);
});

test('killed at several points, it converges: one run, no orphans', { timeout: 300_000 }, async () => {
  await using platform = await PlatformProcess.start();
  await using copy = await newCopy(platform);
  await copy.ship('v1.0.0');
  for (const wait of [150, 700, 1500, 2600, 4000]) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    await platform.kill();
    await platform.start();
  }
  const client = await platform.client();
  const run = await finishedRun(client, 'demo', 'v1.0.0');
  expect(await failures(client, run)).toMatch(/^Tasks Completed: 6/);
  await serving(client, { namespace: 'demo-staging', model: 'tiny', tag: 'v1.0.0' });
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, { namespace: 'demo' });
  expect(items).toHaveLength(1);
  const status = await until(
    client,
    { type: kinds.Application, namespace: 'argocd', what: 'Synced' },
    (app) =>
      app.metadata.name.endsWith('staging') &&
      (app.status as { sync?: { status?: string } })?.sync?.status === 'Synced',
  );
  expect(status).toBeDefined();
  await platform.stop();
});
