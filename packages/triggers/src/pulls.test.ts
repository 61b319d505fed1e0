import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CommitStatus,
  type HandledRef,
  kinds,
  type PipelineRun,
  type PullRequest,
  type PullRequestComment,
  type Repository,
  type ResourceType,
} from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { commitFiles, git } from '@tagboat/git-client';
import { createIfAbsent, mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandOf, pullTriggerController, retentionController, statusController } from './index.ts';

const modelYaml =
  'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { artifact: { path: m.bin } }\n';
const tektonRun = (name: string) =>
  `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ${name}\n  annotations: { pipelinesascode.tekton.dev/on-event: "[pull_request]", pipelinesascode.tekton.dev/on-target-branch: "[main]" }\nspec: { pipelineSpec: { tasks: [{ name: a, taskSpec: { steps: [{ image: bash }] } }] } }\n`;

describe('commandOf', () => {
  it.each([
    ['/retest', { kind: 'retest' }],
    ['looks good\n/test  \nthanks', { kind: 'test' }],
    ['/test unit', { kind: 'test', name: 'unit' }],
    ['/retest unit please', { kind: 'retest', name: 'unit' }],
    ['/cancel', { kind: 'cancel' }],
    ['/ok-to-test', { kind: 'ok-to-test' }],
    ['/ok-to-test ABCDEF1', { kind: 'ok-to-test', commit: 'abcdef1' }],
  ])('%j', (text, wanted) => expect(commandOf(text)).toMatchObject(wanted));
  it.each(['run /retest', '/testing', '/ok-to-test sure', 'nothing'])('%j is none', (text) =>
    expect(commandOf(text)).toBeUndefined(),
  );
});

describe('pull requests', () => {
  let directory: string;
  let url: string;
  let store: ObjectStore;
  const running: AsyncDisposable[] = [];
  const key = { type: kinds.PullRequest, namespace: 'demo', name: 'r-1' };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-pull-triggers-'));
    url = join(directory, 'r.git');
    await git(['init', '--quiet', '--bare', url]);
    store = new ObjectStore({});
    const common = { store, clock: systemClock, log: silentLogger };
    running.push(
      pullTriggerController({
        ...common,
        mirrorOf: async () => url,
        registry: 'h:1',
        deploymentUrl: () => 'u',
      }).start(),
      statusController({
        ...common,
        page: (project, run) => `http://c/${project}/${run}`,
        mirrorOf: async () => url,
      }).start(),
    );
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'r', namespace: 'demo' },
      spec: {},
    });
  });
  afterEach(async () => {
    for (const controller of running.splice(0)) await controller[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const commit = async (files: Record<string, string>, branch: string, message = 'm') =>
    (
      await commitFiles({
        url,
        branch,
        message,
        change: async (tree) => {
          for (const [path, text] of Object.entries(files)) await tree.write(path, text);
        },
      })
    ).commit;
  /** A pull request as the git side keeps it, with this head. */
  async function pullOf(head: string, spec: Partial<NonNullable<PullRequest['spec']>> = {}): Promise<void> {
    await createIfAbsent<PullRequest>(store, key, {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'PullRequest',
      metadata: { name: 'r-1', namespace: 'demo', labels: { 'tagboat.dev/repository': 'r' } },
      spec: {
        repository: 'r',
        number: 1,
        title: 't',
        sourceRef: 'refs/pull/1/head',
        targetBranch: 'main',
        state: 'open',
        ...spec,
      },
    });
    await mutateStatus<PullRequest>(store, key, (draft) => {
      draft.status = { ...draft.status, headCommit: head, headSeenAt: '2026-01-01T00:00:00Z' };
    });
  }
  const say = (body: string, more: Partial<PullRequestComment> = {}) =>
    mutate<PullRequest>(store, key, (draft) => {
      draft.spec!.comments = [
        ...(draft.spec!.comments ?? []),
        { author: 'ada', body, createdAt: '2026-01-01T01:00:00Z', ...more },
      ];
    });
  async function until<T>(type: ResourceType, holds: () => Promise<T | undefined | false>): Promise<T> {
    const { resourceVersion } = await store.list(type);
    const first = await holds();
    if (first) return first;
    for await (const _ of store.watch(type, {}, { from: resourceVersion })) {
      const found = await holds();
      if (found) return found;
    }
    throw new Error('the watch ended');
  }
  const runs = async () => (await store.list<PipelineRun>(kinds.PipelineRun)).items;
  const handled = (head: string) =>
    until(kinds.HandledRef, async () =>
      (await store.list<HandledRef>(kinds.HandledRef)).items.find(({ spec }) => spec?.commit === head),
    );
  const read = (count: number) =>
    until(kinds.PullRequest, async () => (await store.get<PullRequest>(key))?.status?.commandsRead === count);
  const finish = (name: string, status: 'True' | 'False', more: object = {}) =>
    mutateStatus<PipelineRun>(store, { type: kinds.PipelineRun, namespace: 'demo', name }, (draft) => {
      const condition = {
        type: 'Succeeded',
        status,
        reason: status === 'True' ? 'Succeeded' : 'Failed',
        message: 'said',
      };
      draft.status = {
        ...draft.status,
        startTime: 'x',
        completionTime: 'x',
        conditions: [condition],
        ...more,
      };
    });
  const status = (context: string, state: string) =>
    until(kinds.CommitStatus, async () =>
      (await store.list<CommitStatus>(kinds.CommitStatus)).items.find(
        ({ spec }) => spec?.context === context && spec.state === state,
      ),
    );

  it('trains the models of a head once, and says beside the commit what came of it', async () => {
    const base = await commit({ 'tagboat.yaml': modelYaml }, 'main');
    await store.create({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Experiment',
      metadata: { name: 'e', namespace: 'demo', labels: { 'tagboat.dev/model': 'm' } },
      spec: {
        model: 'm',
        pipelineRun: 'e',
        repository: 'r',
        commit: base,
        parameters: {},
        data: {},
        metrics: { error: 0.25 },
      },
    } as never);
    const head = await commit({ x: '1', 'tagboat.yaml': modelYaml }, 'change');
    await git(['fetch', '-q', '.', 'refs/heads/main:refs/heads/keep'], { cwd: url });
    await pullOf(head);
    await mutateStatus<PullRequest>(store, key, (draft) => {
      draft.status = { ...draft.status, baseCommit: base };
    });
    expect((await handled(head)).spec?.pipelineRuns).toHaveLength(1);
    const [run] = await runs();
    expect(run?.metadata).toMatchObject({
      labels: { 'tagboat.dev/kind': 'pull', 'tagboat.dev/pull-request': '1', 'tagboat.dev/model': 'm' },
      annotations: {
        'tagboat.dev/cancel-in-progress': 'm',
        'tagboat.dev/priority': '60',
      },
    });
    expect(run?.spec?.pipelineSpec?.tasks.map(({ name }) => name)).toEqual([
      'clone',
      'environment',
      'check',
      'train',
      'evaluate',
    ]);
    await status('tagboat/check/m', 'pending');
    await finish(run!.metadata.name, 'True', {
      results: [{ name: 'evaluate-metrics', value: '{"error":0.125}' }],
    });
    const said = await status('tagboat/check/m', 'success');
    expect(said.spec).toMatchObject({
      description: 'error 0.125 (main 0.25)',
      targetUrl: `http://c/demo/${run!.metadata.name}`,
    });
    expect((await store.get<PullRequest>(key))?.status?.metrics).toEqual([
      { model: 'm', metric: 'error', value: 0.125, target: 0.25, targetCommit: base },
    ]);
  });

  it('does what comments ask for, once each', async () => {
    await commit({ '.tekton/a.yaml': tektonRun('a'), '.tekton/b.yaml': tektonRun('b') }, 'main');
    const head = await commit(
      { '.tekton/a.yaml': tektonRun('a'), '.tekton/b.yaml': tektonRun('b'), x: '1' },
      'change',
    );
    await pullOf(head);
    await handled(head);
    const [a, b] = (await runs()).map(({ metadata }) => metadata.name).sort() as [string, string];
    await finish(a, 'True');
    await finish(b, 'False');
    await say('/retest');
    await read(1);
    const again = (await runs()).filter(({ metadata }) => /-r1-/.test(metadata.name));
    expect(again.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name'])).toEqual(['b']);
    await status('tagboat/check/b', 'pending');
    await say('/test a');
    await read(2);
    expect((await runs()).filter(({ metadata }) => /^a-pr-1-r2-/.test(metadata.name))).toHaveLength(1);
    await say('/cancel b');
    await say('nice work');
    await read(4);
    const cancelled = (await runs()).filter(({ spec }) => spec?.status === 'CancelledRunFinally');
    expect(cancelled.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name'])).toEqual(['b']);
    await say('/test', { trusted: false });
    await read(5);
    expect(await runs()).toHaveLength(4);
  });

  it('[skip ci] is recorded with the reason, and a person may ask nevertheless', async () => {
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change', 'docs [skip ci]');
    await pullOf(head);
    expect((await handled(head)).spec).toMatchObject({
      pipelineRuns: [],
      reason: "[skip ci] in the commit's message",
    });
    expect((await status('tagboat/check', 'success')).spec?.description).toMatch(/^skipped: \[skip ci\]/);
    await say('/test');
    await read(1);
    expect(await runs()).toHaveLength(1);
    expect((await runs())[0]?.metadata.annotations).toMatchObject({
      'pipelinesascode.tekton.dev/event-type': 'test-all-comment',
    });
  });

  it('a label that is added starts the runs that wait for it, and no others', async () => {
    const files = {
      '.tekton/a.yaml': tektonRun('a'),
      '.tekton/bug.yaml': tektonRun('bug').replace(
        'annotations: {',
        'annotations: { pipelinesascode.tekton.dev/on-label: "[bug, defect]",',
      ),
    };
    await commit(files, 'main');
    const head = await commit({ ...files, x: '1' }, 'change');
    await pullOf(head, { labels: ['docs'] });
    const label = async (...labels: string[]) => {
      await mutate<PullRequest>(store, key, (draft) => {
        draft.spec!.labels = labels;
      });
      await until(
        kinds.PullRequest,
        async () => (await store.get<PullRequest>(key))?.status?.labelsRead?.join() === labels.join(),
      );
    };
    const names = async () =>
      (await runs()).map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name']).sort();
    await handled(head);
    expect(await names()).toEqual(['a']);
    await label('docs', 'other');
    expect(await names()).toEqual(['a']);
    await label('docs', 'bug');
    expect(await names()).toEqual(['a', 'bug']);
  });

  it('the policy of a repository says who may ask, and whose own changes run', async () => {
    await mutate<Repository>(store, { type: kinds.Repository, namespace: 'demo', name: 'r' }, (draft) => {
      draft.spec = { settings: { policy: { ok_to_test: ['Lead'], pull_request: ['friend'] } } };
    });
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    await pullOf(head, { author: 'ada' });
    await status('tagboat/approval', 'pending');
    await say(`/ok-to-test ${head.slice(0, 10)}`);
    await read(1);
    expect(await runs()).toEqual([]);
    await say(`/ok-to-test ${head.slice(0, 10)}`, { author: 'lead' });
    await handled(head);
    expect(await runs()).toHaveLength(1);
    const next = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '2' }, 'change');
    await pullOf(next);
    await mutate<PullRequest>(store, key, (draft) => {
      draft.spec!.author = 'friend';
    });
    await handled(next);
    expect(await runs()).toHaveLength(2);
  });

  it('code from outside runs only after somebody allowed that very commit', async () => {
    await commit({ '.tekton/a.yaml': tektonRun('a') }, 'main');
    const head = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '1' }, 'change');
    await pullOf(head, { external: true });
    const waiting = await status('tagboat/approval', 'pending');
    expect(waiting.spec?.description).toContain(`/ok-to-test ${head.slice(0, 10)}`);
    await say('/test', { trusted: true });
    await say('/ok-to-test', { trusted: false });
    await say('/ok-to-test', { createdAt: '2025-12-31T00:00:00Z' });
    await say(`/ok-to-test ${'0'.repeat(10)}`);
    await read(4);
    expect(await runs()).toEqual([]);
    await say(`/ok-to-test ${head.slice(0, 10)}`);
    await handled(head);
    await status('tagboat/approval', 'success');
    expect((await runs())[0]?.metadata.labels).toMatchObject({ 'tagboat.dev/untrusted': 'true' });
    const next = await commit({ '.tekton/a.yaml': tektonRun('a'), x: '2' }, 'change');
    await pullOf(next, { external: true });
    await until(kinds.CommitStatus, async () =>
      (await store.list<CommitStatus>(kinds.CommitStatus)).items.some(
        ({ spec }) => spec?.commit === next && spec.state === 'pending',
      ),
    );
    expect(await runs()).toHaveLength(1);
  });

  it('keeps as many finished runs as max-keep-runs says', async () => {
    const controller = retentionController({ store, clock: systemClock, log: silentLogger }).start();
    running.push(controller);
    for (const number of [1, 2, 3, 4]) {
      const name = `kept-${number}`;
      await store.create<PipelineRun>({
        apiVersion: 'tekton.dev/v1',
        kind: 'PipelineRun',
        metadata: {
          name,
          namespace: 'demo',
          labels: { 'tagboat.dev/repository': 'r' },
          annotations: {
            'tagboat.dev/run-name': number === 4 ? 'another' : 'ci',
            'pipelinesascode.tekton.dev/max-keep-runs': '2',
          },
        },
        spec: {},
      });
      await finish(name, 'True', { completionTime: `2026-01-01T00:00:0${number}Z` });
    }
    await until(kinds.PipelineRun, async () => (await runs()).length === 3);
    expect((await runs()).map(({ metadata }) => metadata.name)).toEqual(['kept-2', 'kept-3', 'kept-4']);
  });

  it('a run may ask for the Secret of git, which holds none', async () => {
    const bound = tektonRun('a').replace(
      'spec: {',
      'spec: { workspaces: [{ name: basic-auth, secret: { secretName: "{{ git_auth_secret }}" } }],',
    );
    await commit({ '.tekton/a.yaml': bound }, 'main');
    const head = await commit({ '.tekton/a.yaml': bound, x: '1' }, 'change');
    await pullOf(head);
    await handled(head);
    expect((await runs())[0]?.spec?.workspaces?.[0]?.secret?.secretName).toBe('tagboat-git-auth');
    expect(
      await store.get({ type: kinds.Secret, namespace: 'demo', name: 'tagboat-git-auth' }),
    ).toBeDefined();
  });

  it('the checks of an .aicoe-ci.yaml have the contexts that forges know', async () => {
    const files = { '.aicoe-ci.yaml': 'check: [thoth-pytest, thoth-precommit]\npytest-env: { A: "1" }\n' };
    await commit(files, 'main');
    const head = await commit({ ...files, x: '1' }, 'change');
    await pullOf(head);
    await handled(head);
    const [run] = await runs();
    await status('aicoe-ci/pytest-check', 'pending');
    expect(run?.spec?.pipelineSpec?.tasks.map(({ name, when }) => [name, when?.[0]?.input])).toEqual([
      ['configuration', undefined],
      ['pre-commit-run', 'true'],
      ['pytest-run', 'true'],
      ['build-run', 'false'],
    ]);
    const taskRun = (task: string, succeeded: string) =>
      store.create({
        apiVersion: 'tekton.dev/v1',
        kind: 'TaskRun',
        metadata: {
          name: `${run!.metadata.name}-${task}`,
          namespace: 'demo',
          labels: { 'tekton.dev/pipelineRun': run!.metadata.name, 'tekton.dev/pipelineTask': task },
        },
        status: { conditions: [{ type: 'Succeeded', status: succeeded, message: 'two failed' }] },
      } as never);
    for (const [task, succeeded] of [
      ['pytest-run', 'False'],
      ['pre-commit-run', 'True'],
    ] as const) {
      await taskRun(task, succeeded);
      await mutateStatus(
        store,
        { type: kinds.TaskRun, namespace: 'demo', name: `${run!.metadata.name}-${task}` },
        (draft) => {
          draft.status = {
            conditions: [{ type: 'Succeeded', status: succeeded, message: 'exited with 1' }],
            annotations: { 'tagboat.dev/failure': 'two failed' },
          };
        },
      );
    }
    await finish(run!.metadata.name, 'False', { skippedTasks: [{ name: 'build-run', reason: 'x' }] });
    expect((await status('aicoe-ci/pytest-check', 'failure')).spec?.description).toBe('two failed');
    await status('aicoe-ci/pre-commit-check', 'success');
  });
});
