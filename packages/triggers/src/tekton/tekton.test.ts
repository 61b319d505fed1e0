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
import { matchesGlobPattern } from './globs.ts';
import { annotationValues, matchesEvent } from './matching.ts';
import { runsForTekton } from './plan-tekton.ts';
import { readTemplate } from './variables.ts';

const commit = 'c'.repeat(40);
const files = (...all: string[]) => ({ all, added: all, deleted: [], modified: [], renamed: [] });
const push = (ref: string, more: Partial<TriggerEvent> = {}): TriggerEvent => ({
  ref: {
    ref,
    commit,
    kind: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    short: ref.replace(/^refs\/(heads|tags)\//, ''),
  },
  kind: 'push',
  project: 'demo',
  repository: 'App',
  repositoryUrl: 'http://h/git/demo/app.git',
  cloneUrl: 'http://h/git/demo/app.git',
  defaultBranch: 'main',
  message: 'a change\n\nbody',
  author: { name: 'Ada', email: 'ada@x' },
  files: files('README.md'),
  ...more,
});
const pull = (
  more: Partial<TriggerEvent['pull'] & object> = {},
  event: Partial<TriggerEvent> = {},
): TriggerEvent => ({
  ...push('refs/heads/x'),
  ref: { ref: 'refs/pull/7/head', commit, kind: 'pull', short: 'pr-7' },
  kind: 'pull_request',
  pull: {
    number: 7,
    title: 'a title',
    description: '',
    targetBranch: 'main',
    sourceRef: 'refs/heads/feature/x',
    author: 'Bob',
    labels: ['bug'],
    untrusted: false,
    sourceUrl: undefined,
    ...more,
  },
  ...event,
});
const on = (annotations: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`pipelinesascode.tekton.dev/${key}`, value]),
  );

describe('globs', () => {
  it.each([
    ['docs/**.md', 'docs/a/b.md', true],
    ['docs/*.md', 'docs/a/b.md', true],
    ['***.go', 'main.go', true],
    ['refs/tags/1.*', 'refs/tags/1.0', true],
    ['refs/heads/{main,rel-*}', 'refs/heads/rel-2', true],
    ['a[!b-d]e', 'ace', false],
    ['a[!b-d]e', 'axe', true],
    ['v?.?', 'v1.2', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['{a,{b,c}d}', 'cd', true],
    ['main', 'main2', false],
  ])('%s on %s is %s', (pattern, text, wanted) => {
    expect(matchesGlobPattern(pattern, text)).toBe(wanted);
  });
  it('stays quick on patterns made to be slow, and refuses what explodes', () => {
    expect(matchesGlobPattern(`${'*a'.repeat(100)}b`, 'a'.repeat(4000))).toBe(false);
    expect(() => matchesGlobPattern('{a,b}'.repeat(20), 'x')).toThrow(/alternatives/);
    expect(() => matchesGlobPattern('{a', 'x')).toThrow(/"\{" without/);
  });
});

describe('annotations', () => {
  it('reads lists, single values and escaped commas', () => {
    expect(annotationValues('[a, b&#44;c ]', 'n')).toEqual(['a', 'b,c']);
    expect(annotationValues('a&#44;b', 'n')).toEqual(['a,b']);
    expect(() => annotationValues('[]', 'n')).toThrow(/empty value/);
    expect(() => annotationValues('[a', 'n')).toThrow(/expected "\]"/);
  });
  it.each<[string, Record<string, string>, TriggerEvent, boolean]>([
    [
      'a push to a branch',
      { 'on-event': '[push]', 'on-target-branch': '[main]' },
      push('refs/heads/main'),
      true,
    ],
    [
      'not a tag of that name',
      { 'on-event': 'push', 'on-target-branch': 'main' },
      push('refs/tags/main'),
      false,
    ],
    ['a tag', { 'on-event': '[push]', 'on-target-branch': '[refs/tags/v*]' }, push('refs/tags/v1.0'), true],
    [
      'full branch names',
      { 'on-event': '[push]', 'on-target-branch': 'refs/heads/*' },
      push('refs/heads/a/b'),
      true,
    ],
    ['a pull request', { 'on-event': '[pull_request]', 'on-target-branch': '[main]' }, pull(), true],
    [
      'one of several events',
      { 'on-event': '[pull_request, push]', 'on-target-branch': '[main]' },
      push('refs/heads/main'),
      true,
    ],
    ['both are needed', { 'on-event': '[push]' }, push('refs/heads/main'), false],
    [
      'changed paths',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-path-change': '[docs/**]' },
      push('refs/heads/main', { files: files('docs/a') }),
      true,
    ],
    [
      'other paths',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-path-change': '[docs/**]' },
      push('refs/heads/main'),
      false,
    ],
    [
      'ignored paths',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-path-change-ignore': '[***.md]' },
      push('refs/heads/main'),
      false,
    ],
    [
      'labels',
      { 'on-event': '[pull_request]', 'on-target-branch': 'main', 'on-label': '[bug]' },
      pull(),
      true,
    ],
    [
      'an expression',
      { 'on-cel-expression': 'event == "push" && target_branch == "main"' },
      push('refs/heads/main'),
      true,
    ],
    [
      'an expression goes before',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-cel-expression': 'event == "pull_request"' },
      push('refs/heads/main'),
      false,
    ],
    [
      'tags in expressions',
      { 'on-cel-expression': 'target_branch.startsWith("refs/tags/")' },
      push('refs/tags/v1'),
      true,
    ],
    [
      'full names in expressions',
      { 'on-cel-expression': 'target_branch == "refs/heads/main"' },
      push('refs/heads/main'),
      true,
    ],
    [
      'pathChanged',
      { 'on-cel-expression': '"docs/*.md".pathChanged()' },
      push('refs/heads/main', { files: files('docs/x.md') }),
      true,
    ],
    [
      'files',
      { 'on-cel-expression': 'files.all.exists(x, x.matches("^docs/"))' },
      push('refs/heads/main', { files: files('docs/x') }),
      true,
    ],
    [
      'the body',
      { 'on-cel-expression': 'body.pull_request.number == 7 && event_title.startsWith("a")' },
      pull(),
      true,
    ],
    [
      'headers',
      { 'on-cel-expression': 'headers["x-github-event"] == "push"' },
      push('refs/heads/main'),
      true,
    ],
  ])('%s', (_name, annotations, event, wanted) => {
    expect(matchesEvent(on(annotations), event)).toBe(wanted);
  });
  it('says what is wrong with an expression, and ends one that never ends', () => {
    expect(() => matchesEvent(on({ 'on-cel-expression': 'nonsense ==' }), push('refs/heads/main'))).toThrow(
      /cannot be evaluated/,
    );
    const slow = pull({}, { comment: { index: 0, body: `${'a'.repeat(40)}!`, author: 'x', custom: true } });
    expect(() => matchesEvent(on({ 'on-comment': '^(a+)+$' }), slow)).toThrow(/took longer/);
  });
});

describe('variables', () => {
  it('fills in what is known, also unquoted, and leaves the rest', () => {
    const event = pull();
    const [document] = readTemplate(
      'a: {{ revision }}\nb: "{{repo_url}} {{ source_branch }} {{ nope }}"\nc: "{{ pull_request_number }}/{{ body.pull_request.user.login }}/{{ headers[\'x-github-event\'] }}"\nd: "{{ cel: body.number > 5 ? \'big\' : \'small\' }}"\ne: "{{ sender }} {{ git_tag }}|{{ body.nothing.there }}"\n',
      'f',
      event,
    );
    expect(document?.value).toEqual({
      a: commit,
      b: 'http://h/git/demo/app.git feature-x {{ nope }}',
      c: '7/Bob/pull_request',
      d: 'big',
      e: 'bob |{{ body.nothing.there }}',
    });
    expect(readTemplate('a: "{{ git_tag }}"', 'f', push('refs/tags/v1.2'))[0]?.value).toEqual({ a: 'v1.2' });
  });
  it('a title is never more than the content of a scalar', () => {
    const event = pull({ title: 'x"\nspec:\n  evil: true' });
    expect(readTemplate('a: "{{ body.pull_request.title }}"\n', 'f', event)[0]?.value).toEqual({
      a: 'x"\nspec:\n  evil: true',
    });
  });
});

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
