import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Commit, commitFiles, git } from '@tagboat/git-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAicoe } from './aicoe.ts';
import { runForAicoe } from './plan-aicoe.ts';
import type { PlannedRuns } from './plan-runs.ts';
import { somePush } from './trigger-event.testing.ts';
import type { TriggerEvent } from './trigger-event.ts';

const event: TriggerEvent = {
  ...somePush,
  ref: { ref: 'refs/tags/v1', commit: 'c'.repeat(40), kind: 'tag', short: 'v1' },
};

describe('readAicoe', () => {
  it.each([
    ['check: []\n'],
    ['check:\n'],
    ['checks: []\nrelease:\n'],
    ['deploy: { test: { default-action: pr }, prod: { default-action: commit } }\n'],
    ['build: { custom-tag: latest, custom_tag: 1 }\n'],
    [''],
  ])('takes %j without a word', (text) => {
    expect(readAicoe(text, 'f').warnings).toEqual([]);
  });
  it('names unknown keys and checks with their lines, also below', () => {
    const text =
      'check:\n  - thoth-pytest\n  - thoth-dance\nbuild:\n  odd: 1\noverlays:\n  - name: a\n    build: { odd2: 1 }\n    strange: 1\n';
    expect(readAicoe(text, 'f').warnings).toEqual([
      'f:2: unknown check "thoth-dance"',
      'f:5: unknown key "odd"',
      'f:9: unknown key "strange"',
      'f:8: unknown key "odd2"',
    ]);
  });
  it.each([
    ['build: { build-stratergy: Magic }', /Source, Dockerfile or Containerfile/],
    ['overlays: { a: 1 }', /a list/],
    ['overlays: [{ name: ../up }]', /name of a directory/],
    ['build: [1]', /a map of keys/],
    ['a: [', /.*/],
  ])('refuses %j with its place', (text, wanted) => {
    expect(() => readAicoe(text, 'f')).toThrow(wanted);
  });
});

describe('the runs of an .aicoe-ci.yaml', () => {
  let directory: string;
  let commit: Commit;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-aicoe-'));
    const url = join(directory, 'r.git');
    await git(['init', '--quiet', '--bare', url]);
    const pipeline =
      'apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: { name: custom-pipeline }\nspec: { params: [{ name: git_ref }, { name: mine, default: x }], workspaces: [{ name: w }], tasks: [] }\n';
    const made = await commitFiles({
      url,
      branch: 'main',
      message: 'm',
      change: (tree) => tree.write('pipeline.yaml', pipeline),
    });
    commit = await Commit.at(url, made.commit);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const plan = (
    text: string,
    about: Partial<TriggerEvent> = {},
    secrets: ReadonlySet<string> = new Set(),
    noEngine = '',
  ) =>
    runForAicoe(
      { registry: 'h:1', deploymentUrl: () => '', tags: [], ...(noEngine ? { noEngine } : {}) },
      { ...event, ...about },
      { configuration: readAicoe(text, '.aicoe-ci.yaml'), commit, secrets },
    );
  const tasks = ({ runs }: PlannedRuns) => runs[0]?.spec?.pipelineSpec?.tasks ?? [];
  const chosen = (planned: PlannedRuns) =>
    tasks(planned)
      .filter((task) => (task.when ?? []).every(({ input, values }) => values?.includes(input ?? '')))
      .map(({ name }) => name);
  const param = (planned: PlannedRuns, task: string, name: string) =>
    tasks(planned)
      .find((item) => item.name === task)
      ?.params?.find((item) => item.name === name)?.value;

  it('has the eight tasks of a tag, and runs those that apply', async () => {
    const nothing = await plan('check: []\n');
    expect(tasks(nothing).map(({ name }) => name)).toEqual([
      'tag-check',
      'configuration',
      'overlays-pipeline-run',
      'custom-pipeline-run',
      'tag-publish-pypi-run',
      'tag-release-run',
      'tag-sibling-run',
      'tag-deploy-run',
    ]);
    expect(chosen(nothing)).toEqual(['tag-check', 'configuration']);
    const all = await plan(
      'check: [thoth-custom-build]\nrelease: [upload-pypi-sesheta]\nbuild: { build-stratergy: Dockerfile, dockerfile-path: Containerfile, custom-tag: latest, registry: quay.io, registry-project: Img }\nsibling: { sibling-project-org: o, sibling-project: s }\ndeploy: { project-org: o, project-name: d, image-name: i, overlay-contextpath: p/x.yaml }\n',
    );
    expect(chosen(all)).toEqual([
      'tag-check',
      'configuration',
      'custom-pipeline-run',
      'tag-publish-pypi-run',
      'tag-release-run',
      'tag-sibling-run',
      'tag-deploy-run',
    ]);
    expect(param(all, 'tag-release-run', 'image-file')).toBe('Containerfile');
    expect(param(all, 'tag-release-run', 'custom-tag')).toBe('latest');
    expect(param(all, 'tag-deploy-run', 'url')).toBe('https://github.com/o/d.git');
    expect(param(all, 'tag-deploy-run', 'path')).toBe('p/x.yaml');
    expect(all.runs[0]?.spec?.params?.find(({ name }) => name === 'model')?.value).toBe('img');
    expect(all.notices?.[0]).toMatch(/registry of this platform, h:1/);
    expect(all.runs[1]).toMatchObject({
      metadata: { annotations: { 'tagboat.dev/run-name': 'custom-pipeline' } },
      spec: { params: [{ name: 'git_ref', value: 'v1' }], workspaces: [{ name: 'w' }] },
    });
  });

  it('pushes to the registry that is named where its login is in the project, and says so where it is not', async () => {
    const text =
      'build: { build-stratergy: Source, registry: reg.example, registry-org: team, registry-project: Img, registry-secret: pusher }\ndeploy: { project-org: o, project-name: d, image-name: i }\n';
    const without = await plan(text);
    expect(param(without, 'tag-release-run', 'registry')).toBe('$(params.registry)');
    expect(without.notices?.join()).toMatch(/no Secret "pusher" in demo; tagboat secret set pusher/);
    const planned = await plan(text, {}, new Set(['pusher']));
    expect(planned.notices).toEqual([]);
    for (const task of ['tag-release-run', 'tag-deploy-run'])
      expect(['registry', 'project'].map((name) => param(planned, task, name))).toEqual([
        'reg.example',
        'team',
      ]);
    const build = tasks(planned).find(({ name }) => name === 'tag-release-run');
    expect(build?.taskSpec?.steps[0]?.env?.at(-1)).toEqual({
      name: 'TAGBOAT_DOCKER_CONFIG_JSON',
      valueFrom: { secretKeyRef: { name: 'pusher', key: '.dockerconfigjson' } },
    });
  });

  it('builds one image for each overlay, and deploys those that say where', async () => {
    const planned = await plan(
      'check: [overlays-build]\noverlays_dir: over\nbuild: { registry-project: base }\noverlays:\n  - name: inference\n    build: { build-stratergy: Source, arch: cuda }\n  - name: train.gpu\n    build: { build-stratergy: Containerfile, registry-project: gpu }\n    deploy: { project-org: o, project-name: d, image-name: i }\n',
    );
    expect(chosen(planned)).toEqual([
      'tag-check',
      'configuration',
      'overlays-pipeline-run-inference',
      'overlays-pipeline-run-train-gpu',
      'overlays-pipeline-run-train-gpu-deploy',
    ]);
    expect(param(planned, 'overlays-pipeline-run-inference', 'overlay')).toBe('over/inference');
    expect(param(planned, 'overlays-pipeline-run-inference', 'model')).toBe('base-inference');
    expect(param(planned, 'overlays-pipeline-run-inference', 'tag')).toBe('$(params.tag)-cuda');
    expect(param(planned, 'overlays-pipeline-run-train-gpu', 'model')).toBe('gpu');
  });

  it('assembles sources by the scripts of a builder image where there is an engine, else says that it does not', async () => {
    const text =
      "build: { build-stratergy: Source, base-image: 'quay.io/b:1', build-source-script: 'image:///s2i' }\n";
    const planned = await plan(text);
    expect(param(planned, 'tag-release-run', 'source-script')).toBe('image:///s2i');
    expect(param(planned, 'tag-release-run', 'base-image')).toBe('quay.io/b:1');
    expect(planned.notices).toEqual([]);
    const without = await plan(text, {}, new Set(), 'there is none here');
    expect(param(without, 'tag-release-run', 'source-script')).toBeUndefined();
    expect(without.notices?.join()).toMatch(
      /needs a container engine, and there is none here: images are built without it/,
    );
    const baseless = await plan("build: { build-source-script: 'image:///s2i', build-stratergy: Source }\n");
    expect(baseless.notices?.join()).toMatch(/not run without a base-image/);
  });

  it('without a container engine it skips what a Dockerfile makes and what stands on it, and says why', async () => {
    const pull = {
      ...{ number: 3, title: 't', description: '', targetBranch: 'main', sourceRef: 'refs/heads/x' },
      ...{ author: 'x', labels: [], isDraft: false, untrusted: false, sourceUrl: '' },
    };
    const proposed = {
      ref: { ref: 'refs/pull/3/head', commit: event.ref.commit, kind: 'pull' as const, short: 'pr-3' },
      kind: 'pull_request' as const,
      pull,
    };
    const text =
      'check: [thoth-build]\nbuild: { build-stratergy: Dockerfile }\ndeploy: { project-org: o, project-name: d, image-name: i }\n';
    const why = 'there is none here';
    const skipped = await plan(text, {}, new Set(), why);
    expect(chosen(skipped)).toEqual(['tag-check', 'configuration']);
    expect(
      tasks(skipped)
        .find(({ name }) => name === 'tag-release-run')
        ?.when?.at(-1),
    ).toEqual({
      input: 'no container engine',
      operator: 'in',
      values: ['a container engine'],
    });
    expect(skipped.notices).toEqual([
      `images of a Dockerfile are not built: they need a container engine, and ${why}`,
    ]);
    expect(chosen(await plan(text))).toEqual([
      'tag-check',
      'configuration',
      'tag-release-run',
      'tag-deploy-run',
    ]);
    const contextsOf = ({ runs }: PlannedRuns) => runs[0]?.metadata.annotations?.['tagboat.dev/contexts'];
    expect(contextsOf(await plan(text, proposed))).toBe('{"build-run":"aicoe-ci/build-check"}');
    const check = await plan(text, proposed, new Set(), why);
    expect(chosen(check)).toEqual(['configuration']);
    // A check that can never come would be waited for.
    expect(contextsOf(check)).toBeUndefined();
    const overlays = `overlays:\n  - { name: a, build: { build-stratergy: Dockerfile } }\n  - { name: b, build: { base-image: 'h:1/b' } }\n`;
    const some = await plan(overlays, {}, new Set(), why);
    expect(chosen(some)).toEqual(['tag-check', 'configuration', 'overlays-pipeline-run-b']);
    expect(param(some, 'overlays-pipeline-run-b', 'base-image')).toBe('h:1/b');
  });

  it('outside code builds no image, has volumes of its own and none of the Secrets', async () => {
    const pull = {
      number: 3,
      title: 't',
      description: '',
      targetBranch: 'main',
      sourceRef: 'refs/heads/x',
      author: 'x',
      labels: [],
      isDraft: false,
      untrusted: true,
      sourceUrl: '',
    };
    const planOf = (untrusted: boolean) =>
      plan('check: [thoth-build, thoth-pytest]\n', {
        ref: { ref: 'refs/pull/3/head', commit: event.ref.commit, kind: 'pull', short: 'pr-3' },
        kind: 'pull_request',
        pull: { ...pull, untrusted },
      });
    const planned = await planOf(true);
    expect(JSON.stringify(planned.runs).includes('secretRef')).toBe(false);
    expect(JSON.stringify((await planOf(false)).runs).includes('secretRef')).toBe(true);
    expect(chosen(planned)).toEqual(['configuration', 'pytest-run']);
    expect(planned.runs[0]?.spec?.workspaces?.every(({ volumeClaimTemplate }) => volumeClaimTemplate)).toBe(
      true,
    );
    expect(planned.runs[0]?.spec?.params?.find(({ name }) => name === 'tag')?.value).toBe('pr-3');
  });
});
