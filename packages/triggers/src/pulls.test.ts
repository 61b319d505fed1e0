import { kinds, type PipelineRun, type PullRequest, type Repository } from '@tagboat/api';
import { git } from '@tagboat/git-client';
import { mutate, mutateStatus } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { retentionController } from './index.ts';
import { modelYaml, type PullWorld, pullWorld, tektonRun } from './pull-world.testing.ts';

describe('pull requests', () => {
  let world: PullWorld;
  beforeEach(async () => {
    world = await pullWorld();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('trains the models of a head once, and says beside the commit what came of it', async () => {
    const { url, store, key, commit, pullOf, runs, handled, finish, status } = world;
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

  it('[skip ci] is recorded with the reason, and a person may ask nevertheless', async () => {
    const { commit, pullOf, say, runs, handled, read, status } = world;
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
    const { store, key, commit, pullOf, until, runs, handled } = world;
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

  it('a draft that is ready starts the runs that waited for that, and no others', async () => {
    const { store, key, commit, pullOf, runs, handled, until } = world;
    const ready = tektonRun('ready').replace(
      'annotations: {',
      'annotations: { pipelinesascode.tekton.dev/on-cel-expression: "!body.pull_request.draft",',
    );
    await commit({ '.tekton/a.yaml': tektonRun('a'), '.tekton/ready.yaml': ready }, 'main');
    const head = await commit(
      { '.tekton/a.yaml': tektonRun('a'), '.tekton/ready.yaml': ready, x: '1' },
      'change',
    );
    await pullOf(head, { draft: true });
    await handled(head);
    const names = async () =>
      (await runs()).map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name']).sort();
    await until(kinds.PullRequest, async () => (await store.get<PullRequest>(key))?.status?.draftRead);
    expect(await names()).toEqual(['a']);
    for (const { metadata } of await runs())
      await store.delete({ type: kinds.PipelineRun, namespace: 'demo', name: metadata.name });
    await mutate<PullRequest>(store, key, (draft) => {
      draft.spec!.draft = false;
    });
    await until(
      kinds.PullRequest,
      async () => (await store.get<PullRequest>(key))?.status?.draftRead === false,
    );
    expect(await names()).toEqual(['ready']);
  });

  it('keeps as many finished runs as max-keep-runs says', async () => {
    const { store, common, running, until, runs, finish } = world;
    const controller = retentionController(common).start();
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
    const { store, commit, pullOf, runs, handled } = world;
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
    const { store, commit, pullOf, runs, handled, finish, status } = world;
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

  it('closing one ends what runs for it, and says meanwhile what its pods wait for', async () => {
    const { commit, pullOf, handled, runs, store, status, until, key } = world;
    await commit({ 'tagboat.yaml': modelYaml }, 'main');
    const head = await commit({ 'tagboat.yaml': modelYaml, x: '1' }, 'change');
    await pullOf(head);
    await handled(head);
    const name = (await runs())[0]!.metadata.name;
    await mutateStatus<PipelineRun>(store, { type: kinds.PipelineRun, namespace: 'demo', name }, (draft) => {
      draft.status = {
        startTime: 'x',
        conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }],
      };
    });
    const message = 'it runs in containers alone, and there is no container engine';
    await store.create({
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: {
        name: `${name}-clone`,
        namespace: 'demo',
        labels: { 'tekton.dev/pipelineRun': name, 'tekton.dev/pipelineTask': 'clone' },
      },
      status: { conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Pending', message }] },
    } as never);
    await until(kinds.CommitStatus, async () => {
      const said = await status('tagboat/check/m', 'pending');
      return said.spec?.description === `clone waits: ${message}`;
    });
    await mutate<PullRequest>(store, key, (draft) => {
      draft.spec!.state = 'closed';
    });
    await until(kinds.PipelineRun, async () => (await runs())[0]?.spec?.status === 'CancelledRunFinally');
  });

  it('with definitions of the default branch, what a change does to .tekton counts for nothing', async () => {
    const { commit, pullOf, handled, runs, store, repositoryKey } = world;
    const base = await commit(
      { '.tekton/a.yaml': tektonRun('a').replace('image: bash', 'image: bash, name: "{{ revision }}"') },
      'main',
    );
    await mutate<Repository>(store, repositoryKey, (draft) => {
      draft.spec = { settings: { pipelinerun_provenance: 'default_branch' } };
    });
    await mutateStatus<Repository>(store, repositoryKey, (draft) => {
      draft.status = { refs: { 'refs/heads/main': base }, defaultBranch: 'main' };
    });
    const head = await commit(
      { '.tekton/a.yaml': tektonRun('a').replace('bash', 'evil'), '.tekton/b.yaml': tektonRun('b') },
      'change',
    );
    await pullOf(head);
    await handled(head);
    const made = await runs();
    expect(made.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name'])).toEqual(['a']);
    expect(made[0]?.spec?.pipelineSpec?.tasks[0]?.taskSpec?.steps[0]).toMatchObject({
      image: 'bash',
      name: head,
    });
  });
});
