import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PipelineRun } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { Commit, commitFiles, git } from '@tagboat/git-client';
import { builtInTask } from '@tagboat/render';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlannedRuns } from '../plan-runs.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import { commit, pull, push } from './events.testing.ts';
import { runsForTekton } from './plan-tekton.ts';

describe('.tekton', () => {
  let directory: string;
  let url: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-tekton-'));
    url = join(directory, 'r.git');
    await git(['init', '--quiet', '--bare', url]);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function plan(
    content: Record<string, string>,
    event: TriggerEvent,
    urls: Record<string, string> = {},
  ): Promise<PlannedRuns> {
    const made = await commitFiles({
      url,
      branch: 'main',
      message: 'm',
      change: async (tree) => {
        for (const [path, text] of Object.entries(content)) await tree.write(path, text);
      },
    });
    return runsForTekton(event, await Commit.at(url, made.commit), {
      inProject: async (_kind, name) => name === 'shared',
      builtIn: (name) => (name === 'git-clone' ? builtInTask('git-clone') : undefined),
      fetchText: async (wanted) =>
        urls[wanted] ?? Promise.reject(new TagboatError(`asked for ${wanted}`, { reason: 'Unavailable' })),
    });
  }
  const annotations = (more = '') =>
    `  annotations:\n    pipelinesascode.tekton.dev/on-event: "[push]"\n    pipelinesascode.tekton.dev/on-target-branch: "[main]"\n${more}`;
  const run = (name: string, spec: string, more = '') =>
    `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ${name}\n${annotations(more)}spec:\n${spec}`;
  const task = (name: string) =>
    `apiVersion: tekton.dev/v1\nkind: Task\nmetadata: { name: ${name} }\nspec: { steps: [{ name: s, image: bash, script: "echo {{ revision }}" }] }\n`;
  const pipeline = (name: string, ...tasks: string[]) =>
    `apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: { name: ${name} }\nspec:\n  tasks:\n${tasks.map((item) => `    - { name: ${item}, taskRef: { name: ${item} } }\n`).join('')}`;

  it('puts the pipeline and its tasks into the run, from its own files, URLs, the project and the platform', async () => {
    const { runs } = await plan(
      {
        '.tekton/run.yaml': run(
          'ci',
          '  pipelineRef: { name: p }\n',
          '    pipelinesascode.tekton.dev/task: "[https://x/remote.yaml, lib/local.yaml]"\n    pipelinesascode.tekton.dev/max-keep-runs: "3"\n',
        ),
        '.tekton/sub/p.yaml': pipeline('p', 'own', 'remote', 'local', 'shared', 'git-clone'),
        '.tekton/own.yml': task('own'),
        'lib/local.yaml': task('local'),
        '.tekton/other.yaml': run('other', '  pipelineSpec: { tasks: [] }\n').replace('[main]', '[dev]'),
      },
      push('refs/heads/main'),
      { 'https://x/remote.yaml': task('remote') },
    );
    expect(runs).toHaveLength(1);
    const [found] = runs as PipelineRun[];
    expect(found?.metadata).toMatchObject({
      namespace: 'demo',
      labels: {
        'tagboat.dev/repository': 'App',
        'pipelinesascode.tekton.dev/original-prname': 'ci',
        'tagboat.dev/kind': 'check',
      },
      annotations: {
        'pipelinesascode.tekton.dev/max-keep-runs': '3',
        'tagboat.dev/run-name': 'ci',
        'pipelinesascode.tekton.dev/sha': commit,
      },
    });
    expect(found?.metadata.name).toMatch(/^ci-main-[0-9a-f]{8}$/);
    const tasks = found?.spec?.pipelineSpec?.tasks ?? [];
    expect(
      tasks.map(({ name, taskRef, taskSpec }) => [
        name,
        taskRef?.name,
        taskSpec?.steps?.[0]?.script?.slice(0, 15),
      ]),
    ).toEqual([
      ['own', undefined, 'echo cccccccccc'],
      ['remote', undefined, 'echo cccccccccc'],
      ['local', undefined, 'echo cccccccccc'],
      ['shared', 'shared', undefined],
      ['git-clone', undefined, '#!/bin/sh\nset -'],
    ]);
  });

  it('takes tasks of Artifact Hub by name and version, and says what to do without it', async () => {
    const wanted = (name: string) => ({
      '.tekton/run.yaml': run(
        'ci',
        '  pipelineSpec: { tasks: [{ name: a, taskRef: { name: golang-test } }] }\n',
        `    pipelinesascode.tekton.dev/task: "${name}"\n`,
      ),
    });
    const hub = 'https://artifacthub.io/api/v1/packages/tekton-task/tekton-catalog-tasks/golang-test';
    const { runs } = await plan(wanted('golang-test:0.2.0'), push('refs/heads/main'), {
      [`${hub}/0.2.0`]: JSON.stringify({ data: { manifestRaw: task('golang-test') } }),
    });
    expect(runs[0]?.spec?.pipelineSpec?.tasks[0]?.taskSpec?.steps).toHaveLength(1);
    const refused = plan(wanted('golang-test'), push('refs/heads/main'));
    await expect(refused).rejects.toMatchObject({
      reason: 'Invalid',
      message: expect.stringMatching(/the Task "golang-test" cannot be had of Artifact Hub: .*asked for/),
      hint: expect.stringMatching(/commit it to .tekton/),
    });
    await expect(plan(wanted('a b'), push('refs/heads/main'))).rejects.toThrow(/name:version/);
    await expect(plan(wanted('golang-test'), pull())).resolves.toMatchObject({ runs: [] });
  });

  it('takes a remote pipeline, and the tasks beside it', async () => {
    const { runs } = await plan(
      {
        '.tekton/run.yaml': run(
          'ci',
          '  pipelineRef: { name: p }\n',
          '    pipelinesascode.tekton.dev/pipeline: https://x/dir/p.yaml\n',
        ),
      },
      push('refs/heads/main'),
      {
        'https://x/dir/p.yaml': pipeline('p', 't').replace(
          '{ name: p }',
          '{ name: p, annotations: { pipelinesascode.tekton.dev/task: "../t.yaml" } }',
        ),
        'https://x/t.yaml': task('t'),
      },
    );
    expect(runs[0]?.spec?.pipelineSpec?.tasks[0]?.taskSpec?.steps).toHaveLength(1);
  });

  it('a run whose condition cannot be read stops no other; alone, it shows', async () => {
    const broken = run('odd', '').replace(
      'annotations:\n',
      'annotations:\n    pipelinesascode.tekton.dev/on-cel-expression: body.pull_request.number == 1\n',
    );
    const spec = '  pipelineSpec: { tasks: [] }\n';
    await expect(plan({ '.tekton/odd.yaml': broken }, push('refs/heads/main'))).rejects.toThrow(
      /cannot be evaluated/,
    );
    const both = { '.tekton/a.yaml': run('ci', spec), '.tekton/odd.yaml': broken };
    const { runs, notices } = await plan(both, push('refs/heads/main'));
    expect(runs.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name'])).toEqual(['ci']);
    expect(notices?.join()).toMatch(/odd\.yaml:6:5: odd: the expression .* cannot be evaluated/);
  });

  it('says where what is wrong', async () => {
    const event = push('refs/heads/main');
    await expect(
      plan({ '.tekton/run.yaml': run('ci', '  pipelineRef: { name: gone }\n') }, event),
    ).rejects.toThrow(/no Pipeline "gone"/);
    const missing = plan(
      {
        '.tekton/run.yaml': run(
          'ci',
          '  pipelineSpec:\n    tasks:\n      - name: a\n        taskRef: { name: gone }\n',
        ),
      },
      event,
    );
    await expect(missing).rejects.toMatchObject({ location: { file: '.tekton/run.yaml', line: 12 } });
    await expect(plan({ '.tekton/run.yaml': run('ci', '  a: [\n') }, event)).rejects.toMatchObject({
      reason: 'Invalid',
    });
  });

  it('a run for another namespace does not run, one for this does, and tools find it by its labels', async () => {
    const target = (name: string) => `    pipelinesascode.tekton.dev/target-namespace: ${name}\n`;
    const spec = '  pipelineSpec: { tasks: [] }\n';
    const { runs } = await plan(
      {
        '.tekton/a.yaml': run('here', spec, target('demo')),
        '.tekton/b.yaml': run('there', spec, target('prod')),
      },
      push('refs/heads/main'),
    );
    expect(runs).toHaveLength(1);
    expect(runs[0]?.metadata.labels).toMatchObject({
      'app.kubernetes.io/managed-by': 'pipelinesascode.tekton.dev',
      'pipelinesascode.tekton.dev/original-prname': 'here',
      'pipelinesascode.tekton.dev/repository': 'App',
      'pipelinesascode.tekton.dev/url-org': 'demo',
      'pipelinesascode.tekton.dev/sha': commit,
      'pipelinesascode.tekton.dev/event-type': 'push',
    });
  });

  it('refuses two runs of one name, and names what it does not act on', async () => {
    const event = push('refs/heads/main');
    const spec = '  pipelineSpec: { tasks: [] }\n';
    const both = { '.tekton/a.yaml': run('ci', spec), '.tekton/b.yaml': run('ci', spec) };
    await expect(plan(both, event)).rejects.toThrow(/name of its own, found "ci" also in .tekton\/a.yaml/);
    const { notices } = await plan(
      { '.tekton/b.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n' },
      event,
    );
    expect(notices).toEqual(['.tekton/b.yaml: ConfigMap of v1 is not acted on here']);
  });

  it('code from outside may use nothing of the project', async () => {
    const event = pull({ untrusted: true });
    const of = (spec: string) => ({
      '.tekton/run.yaml': run('ci', spec).replace('[push]', '[pull_request]'),
    });
    const secret = of(
      '  pipelineSpec:\n    tasks: [{ name: a, taskSpec: { steps: [{ image: x, env: [{ name: A, valueFrom: { secretKeyRef: { name: s, key: k } } }] }] } }]\n',
    );
    await expect(plan(secret, event)).rejects.toThrow(/may not use a Secret/);
    await expect(
      plan(of('  pipelineSpec:\n    tasks: [{ name: a, taskRef: { name: shared } }]\n'), event),
    ).rejects.toThrow(/only use tasks of its own/);
    const { runs } = await plan(
      of('  pipelineSpec:\n    tasks: [{ name: a, taskSpec: { steps: [{ image: x }] } }]\n'),
      event,
    );
    expect(runs[0]?.metadata.labels).toMatchObject({
      'tagboat.dev/untrusted': 'true',
      'tagboat.dev/pull-request': '7',
    });
  });

  it('a comment starts the run it names, or those that wait for it', async () => {
    const content = {
      '.tekton/a.yaml': run('a', '  pipelineSpec: { tasks: [] }\n'),
      '.tekton/b.yaml': run(
        'b',
        '  pipelineSpec: { tasks: [] }\n',
        '    pipelinesascode.tekton.dev/on-comment: "^/deploy"\n',
      ),
    };
    const names = (planned: PlannedRuns) =>
      planned.runs.map(({ metadata }) => metadata.annotations?.['tagboat.dev/run-name']);
    const comment = { index: 3, body: '/test a', author: 'x' };
    expect(names(await plan(content, pull({}, { comment: { ...comment, only: 'a' } })))).toEqual(['a']);
    expect(
      names(await plan(content, pull({}, { comment: { ...comment, body: '/deploy now', custom: true } }))),
    ).toEqual(['b']);
    const { runs } = await plan(content, pull({}, { comment: { ...comment, only: 'a' } }));
    expect(runs[0]?.metadata.name).toMatch(/^a-pr-7-r4-/);
  });
});
