import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HandledRef, kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { silentLogger, systemClock, TagboatError } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { commitFiles, fetchMirror, git, lsRemote } from '@tagboat/git-client';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpBackend } from './http-backend.testing.ts';
import { type TriggerOptions, triggerController } from './index.ts';

const modelYaml =
  'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { artifact: { path: m.bin } }\n';

const aTask =
  'apiVersion: tekton.dev/v1\nkind: Task\nmetadata: { name: t }\nspec: { steps: [{ name: s, image: bash }] }\n';

const credentials = { username: 'ada', password: 'p:ss w\u00f6rd' };

describe.each(['a path', 'git http-backend with basic authentication'])('triggers from %s', (server) => {
  const outside = server !== 'a path';
  const access = outside ? { credentials } : {};
  let directory: string;
  let url: string;
  let bare: string;
  let store: ObjectStore;
  const running: AsyncDisposable[] = [];
  let backend: (AsyncDisposable & { url: string }) | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-triggers-'));
    bare = join(directory, 'r.git');
    await git(['init', '--quiet', '--bare', bare]);
    backend = outside ? await httpBackend(directory, credentials) : undefined;
    url = backend ? `${backend.url}/r.git` : bare;
    store = new ObjectStore({});
  });
  afterEach(async () => {
    for (const controller of running.splice(0)) await controller[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  async function mirrorOf(): Promise<string> {
    if (!outside) return bare;
    const mirror = join(directory, 'mirror.git');
    await fetchMirror(url, mirror, access);
    return mirror;
  }
  const start = (more: Partial<TriggerOptions> = {}) => {
    const controller = triggerController({
      store,
      clock: systemClock,
      log: silentLogger,
      mirrorOf,
      registry: 'localhost:1',
      deploymentUrl: () => 'u',
      ...more,
    }).start();
    running.push(controller);
    return controller;
  };
  const key = { type: kinds.Repository, namespace: 'demo', name: 'r' };
  const create = (spec: object = {}) =>
    store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'r', namespace: 'demo' },
      spec,
    });
  const push = (files: Record<string, string>, tag?: string) =>
    commitFiles({
      url,
      ...access,
      branch: 'main',
      message: 'm',
      ...(tag ? { alsoTo: `refs/tags/${tag}` } : {}),
      change: async (tree) => {
        for (const [path, text] of Object.entries(files)) await tree.write(path, text);
      },
    });
  async function observe(): Promise<void> {
    const { refs } = await lsRemote(url, access);
    await mutateStatus<Repository>(store, key, (draft) => {
      draft.status = { url, refs, defaultBranch: 'main' };
    });
  }
  async function ledgerOf(...shorts: string[]): Promise<readonly HandledRef[]> {
    const holds = (items: readonly HandledRef[]) =>
      shorts.every((short) => items.some(({ spec }) => spec?.ref.endsWith(`/${short}`)));
    const { items, resourceVersion } = await store.list<HandledRef>(kinds.HandledRef);
    if (holds(items)) return items;
    for await (const _ of store.watch(kinds.HandledRef, {}, { from: resourceVersion })) {
      const now = await store.list<HandledRef>(kinds.HandledRef);
      if (holds(now.items)) return now.items;
    }
    return [];
  }
  async function recorded(): Promise<void> {
    const done = (repository: Repository | undefined) =>
      repository?.metadata.annotations?.['tagboat.dev/initial-refs'];
    const { items, resourceVersion } = await store.list<Repository>(kinds.Repository);
    if (done(items[0])) return;
    for await (const { object } of store.watch<Repository>(kinds.Repository, {}, { from: resourceVersion }))
      if (done(object)) return;
  }
  const releases = async () =>
    (await runs())
      .filter(({ metadata }) => metadata.labels?.['tagboat.dev/kind'] === 'release')
      .map(({ metadata }) => metadata.annotations?.['tagboat.dev/tag'])
      .sort();
  async function until(holds: () => Promise<boolean>): Promise<void> {
    const { resourceVersion } = await store.list(kinds.PipelineRun);
    if (await holds()) return;
    for await (const _ of store.watch(kinds.PipelineRun, {}, { from: resourceVersion }))
      if (await holds()) return;
  }
  const runs = async () => (await store.list<PipelineRun>(kinds.PipelineRun)).items;

  it('makes one run per tag, also when it starts again or the run is gone', async () => {
    await push({ 'tagboat.yaml': modelYaml }, 'v1');
    await push({ x: '1' }, 'backup-2021');
    await create();
    await observe();
    start();
    const ledger = await ledgerOf('main', 'v1', 'backup-2021');
    expect(ledger.find(({ spec }) => spec?.ref === 'refs/tags/backup-2021')?.spec?.reason).toMatch(
      /no model's tags match/,
    );
    expect((await runs()).map(({ metadata }) => metadata.labels?.['tagboat.dev/kind']).sort()).toEqual([
      'check',
      'release',
    ]);
    for (const run of await runs())
      await store.delete({ type: kinds.PipelineRun, namespace: 'demo', name: run.metadata.name });
    await running.shift()?.[Symbol.asyncDispose]();
    start();
    await push({ x: '2' }, 'v2');
    await observe();
    await ledgerOf('v2');
    expect(
      (await runs())
        .filter(({ metadata }) => metadata.labels?.['tagboat.dev/kind'] === 'release')
        .map(({ metadata }) => metadata.annotations?.['tagboat.dev/tag']),
    ).toEqual(['v2']);
  });

  it('shows a configuration that cannot be read as a failed run', async () => {
    await push(
      {
        'tagboat.yaml':
          'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { nonsense: 1 }\n',
      },
      'v1',
    );
    await create();
    await observe();
    start();
    await ledgerOf('main', 'v1');
    const failed = (await runs()).map(({ status }) => status?.conditions?.[0]);
    expect(
      failed.every(
        (condition) =>
          condition?.status === 'False' && /^tagboat\.yaml:4:\d+: .*nonsense/.test(condition.message ?? ''),
      ),
    ).toBe(true);
  });

  it('records what an outside repository had, without running it', async () => {
    await push({ 'tagboat.yaml': modelYaml }, 'v1');
    await create({ url });
    await observe();
    start();
    await ledgerOf('main', 'v1');
    expect(await runs()).toEqual([]);
    await recorded();
    await push({ x: '1' }, 'v2');
    await observe();
    await ledgerOf('v2');
    expect(
      (await runs()).filter(({ metadata }) => metadata.labels?.['tagboat.dev/kind'] === 'release'),
    ).toHaveLength(1);
  });

  it('five hundred old tags are known in no time, and a moved one is new work, a deleted one is none', async () => {
    const { commit } = await push({ 'tagboat.yaml': modelYaml }, 'v0');
    const names = Array.from({ length: 500 }, (_, index) => `v1.0.${index}`);
    const input = names.map((name) => `create refs/tags/${name} ${commit}\n`).join('');
    await git(['update-ref', '--stdin'], { cwd: bare, stdin: input });
    await create({ url });
    await observe();
    start();
    await recorded();
    expect((await store.list<HandledRef>(kinds.HandledRef)).items).toHaveLength(502);
    expect(await runs()).toEqual([]);
    const moved = await push({ x: '1' });
    await git(['update-ref', 'refs/tags/v1.0.7', moved.commit], { cwd: bare });
    await git(['update-ref', '-d', 'refs/tags/v1.0.8'], { cwd: bare });
    await observe();
    await until(async () => (await releases()).length > 0);
    expect(await releases()).toEqual(['v1.0.7']);
    const last = await push({ x: '2' }, 'v2');
    await git(['update-ref', 'refs/tags/v1.0.8', last.commit], { cwd: bare });
    await observe();
    await ledgerOf('v2');
    await until(async () => (await releases()).length > 2);
    expect(await releases()).toEqual(['v1.0.7', 'v1.0.8', 'v2']);
  });

  it('[skip ci] and files that are passed over are recorded, weird names of refs do no harm', async () => {
    await push({ 'tagboat.yaml': modelYaml, '.aicoe-ci.yaml': 'check: []\n' }, 'v1');
    const { commit } = await push({ x: '1' }, 'v\u00fc"x;$(touch-no)');
    await create();
    await observe();
    start();
    const [entry] = (await ledgerOf('v1')).filter(({ spec }) => spec?.ref === 'refs/tags/v1');
    expect(entry?.spec?.notices).toEqual(['.aicoe-ci.yaml is passed over: tagboat.yaml says what runs']);
    await until(async () => (await releases()).length > 1);
    const run = (await runs()).find(
      ({ metadata }) =>
        metadata.annotations?.['tagboat.dev/commit'] === commit &&
        metadata.labels?.['tagboat.dev/kind'] === 'release',
    );
    expect(run?.metadata.name).toMatch(/^m-v-x-touch-no-[0-9a-f]{8}$/);
    await commitFiles({
      url,
      ...access,
      branch: 'main',
      message: 'docs [ci skip]',
      alsoTo: 'refs/tags/v3',
      change: (tree) => tree.write('y', '1'),
    });
    await observe();
    const skipped = (await ledgerOf('v3')).find(({ spec }) => spec?.ref === 'refs/tags/v3');
    expect(skipped?.spec).toMatchObject({ pipelineRuns: [], reason: "[ci skip] in the commit's message" });
  });

  it('a tag of something else than a commit is recorded as that, and what comes behind it runs', async () => {
    const { commit } = await push({ 'tagboat.yaml': modelYaml });
    await create({ url });
    await observe();
    start();
    await recorded();
    const key = (await git(['hash-object', '-w', '--stdin'], { cwd: bare, stdin: 'a key' })).stdout;
    await git(['update-ref', 'refs/tags/a-key', key.toString().trim()], { cwd: bare });
    await git(['update-ref', 'refs/tags/a-tree', `${commit}^{tree}`], { cwd: bare });
    await push({ x: '1' }, 'v1');
    await observe();
    const ledger = await ledgerOf('v1', 'a-key', 'a-tree');
    const reasonOf = (ref: string) => ledger.find(({ spec }) => spec?.ref === ref)?.spec?.reason;
    expect(reasonOf('refs/tags/a-key')).toMatch(/names a blob, not a commit/);
    expect(reasonOf('refs/tags/a-tree')).toMatch(/names a tree, not a commit/);
    expect(await releases()).toEqual(['v1']);
  });

  it('refs that cannot be handled now hold up no others, and are handled once they can be', async () => {
    const task = (name: string) =>
      `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ${name}\n  annotations: { pipelinesascode.tekton.dev/on-event: "[push]", pipelinesascode.tekton.dev/on-target-branch: "[refs/tags/*]", pipelinesascode.tekton.dev/task: "http://h/t.yaml" }\nspec: { pipelineSpec: { tasks: [{ name: a, taskRef: { name: t } }] } }\n`;
    const { commit } = await push({ '.tekton/a.yaml': task('a') });
    const names = Array.from({ length: 25 }, (_, index) => `v1.0.${index}`);
    const input = names.map((name) => `create refs/tags/${name} ${commit}\n`).join('');
    await git(['update-ref', '--stdin'], { cwd: bare, stdin: input });
    await push({ '.tekton/a.yaml': task('a').replace(/, [^,]*task: "[^"]*"/, ''), '.tekton/t.yaml': aTask });
    await git(['update-ref', 'refs/tags/z', 'refs/heads/main'], { cwd: bare });
    let there = false;
    await create();
    await observe();
    start({
      fetchText: async () => {
        if (there) return aTask;
        throw new TagboatError('http://h/t.yaml cannot be read: down', { reason: 'Unavailable' });
      },
    });
    await ledgerOf('z', 'main');
    expect((await runs()).map(({ metadata }) => metadata.annotations?.['tagboat.dev/tag'])).toEqual(['z']);
    const { items } = await store.list<Event>(kinds.Event);
    expect(items.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/refs\/tags\/v1.0.0 is not handled yet: .*cannot be read: down/),
    );
    there = true;
    await until(async () => (await runs()).length === 26);
  });

  it('files that are links or submodules are not read as configuration', async () => {
    await push({ 'tagboat.yaml': modelYaml });
    const blob = (await git(['hash-object', '-w', '--stdin'], { cwd: bare, stdin: '/etc/passwd' })).stdout
      .toString()
      .trim();
    const tree = (
      await git(['mktree'], {
        cwd: bare,
        stdin: `120000 blob ${blob}\t.aicoe-ci.yaml\n160000 commit ${'1'.repeat(40)}\t.tekton\n`,
      })
    ).stdout
      .toString()
      .trim();
    const commit = (await git(['commit-tree', tree, '-m', 'm'], { cwd: bare })).stdout.toString().trim();
    await git(['update-ref', 'refs/tags/v1', commit], { cwd: bare });
    await create();
    await observe();
    start();
    const entry = (await ledgerOf('v1')).find(({ spec }) => spec?.ref === 'refs/tags/v1');
    expect(entry?.spec?.pipelineRuns).toEqual([]);
    expect(entry?.spec?.reason).toMatch(/has no tagboat.yaml/);
  });

  it('shows the tasks of an .aicoe-ci.yaml that do not apply with their conditions', async () => {
    await push(
      { '.aicoe-ci.yaml': 'check: []\nbuild: { build-stratergy: Source }\ndeploy: { image-name: img }\n' },
      'v1',
    );
    await create();
    await observe();
    start();
    await ledgerOf('main', 'v1');
    const release = (await runs()).find(
      ({ metadata }) => metadata.labels?.['tagboat.dev/kind'] === 'release',
    );
    const tasks = release?.spec?.pipelineSpec?.tasks ?? [];
    expect(tasks).toHaveLength(8);
    expect(
      tasks
        .filter((task) => task.when?.every(({ input, values }) => values?.includes(input ?? '')))
        .map(({ name }) => name),
    ).toEqual(['tag-release-run']);
  });
});
