import { kinds, type Pod, type PullRequest } from '@tagboat/api';
import { PlatformProcess, until, WorkingCopy } from '@tagboat/dev-env';
import { runCommand } from '@tagboat/process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allowedChange } from './outsider.ts';

let platform: PlatformProcess;
beforeAll(async () => {
  // A host with an engine would run what is to wait for one here.
  platform = await PlatformProcess.start({ environment: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
}, 60_000);
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
});

const pipeline = `apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  name: ci
  annotations:
    pipelinesascode.tekton.dev/on-event: "[pull_request]"
    pipelinesascode.tekton.dev/on-target-branch: "[main]"
    pipelinesascode.tekton.dev/task: git-clone
spec:
  workspaces:
    - name: source
      volumeClaimTemplate:
        spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
  pipelineSpec:
    workspaces: [{ name: source }]
    tasks:
      - name: fetch
        taskRef: { name: git-clone }
        workspaces: [{ name: output, workspace: source }]
        params:
          - { name: url, value: "{{ repo_url }}" }
          - { name: revision, value: "{{ revision }}" }
      - name: check
        runAfter: [fetch]
        workspaces: [{ name: source, workspace: source }]
        taskSpec:
          workspaces: [{ name: source }]
          steps:
            - name: grep
              image: alpine
              workingDir: $(workspaces.source.path)
              script: grep -q good state
`;

const pull = async (number: number, holds: (pull: PullRequest) => boolean, what: string) =>
  until<PullRequest>(
    await platform.client(),
    { type: kinds.PullRequest, namespace: 'demo', what, timeout: 60_000 },
    (object) => object.spec?.number === number && holds(object),
  );
const check = (state: string) => (object: PullRequest) =>
  object.status?.checks?.some((item) => item.context === 'tagboat/check/ci' && item.state === state) === true;

test('a pull request is checked, refused, mended, and merged once, whatever is killed', {
  timeout: 180_000,
}, async () => {
  await using copy = await WorkingCopy.create(() => platform.gitUrl('demo', 'app'), {
    '.tekton/ci.yaml': pipeline,
    state: 'good\n',
  });
  await copy.commit('one');
  await copy.push('HEAD:refs/heads/main');
  await copy.write({ state: 'bad\n' });
  await copy.commit('a change');
  const propose = async () =>
    runCommand('git', ['push', await platform.gitUrl('demo', 'app'), 'HEAD:refs/for/main'], {
      cwd: copy.directory,
    });
  expect((await propose()).stderr).toMatch(/remote: Pull request 1 opened: a change/);
  const failed = await pull(1, check('failure'), 'a failed check');
  expect(failed.status?.checks?.[0]?.description).toMatch(/^check: "step-grep" exited with code 1/);
  const refused = await platform.cli(['pr', 'merge', '1', '-r', 'demo/app']);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/not merged: failed: tagboat\/check\/ci/),
  });

  await copy.write({ state: 'good again\n' });
  await copy.git('commit', '--quiet', '--all', '--amend', '--no-edit');
  expect((await propose()).stderr).toMatch(/Pull request 1 updated/);
  const asked = await platform.cli(['pr', 'merge', '1', '-r', 'demo/app']);
  expect(asked.stdout).toMatch(/merged/);
  await platform.kill();
  await platform.start();
  const merged = await pull(1, ({ status }) => status?.mergedAt !== undefined, 'a merge');
  const head = await copy.git('rev-parse', 'HEAD');
  expect(merged.status?.headCommit).toBe(head);
  await copy.git('fetch', '--quiet', await platform.gitUrl('demo', 'app'), 'refs/heads/main');
  expect((await copy.git('log', '--format=%s', 'FETCH_HEAD')).split('\n')).toEqual([
    'Merge pull request #1: a change',
    'a change',
    'one',
  ]);
});

test("an outside contributor's code waits to be allowed, and then for a container engine", {
  timeout: 120_000,
}, async () => {
  const contents = pipeline.replace('    pipelinesascode.tekton.dev/task: git-clone\n', '');
  await using _ = await allowedChange(platform, { state: 'good\n' }, { '.tekton/ci.yaml': contents });
  const pod = await until<Pod>(
    await platform.client(),
    { type: kinds.Pod, namespace: 'outside', what: 'a pod that says why it waits', timeout: 60_000 },
    ({ status }) => status?.conditions?.some(({ reason }) => reason === 'NoContainerEngine') === true,
  );
  expect(pod.status?.phase).toBe('Pending');
  expect(pod.metadata.labels?.['tagboat.dev/untrusted']).toBe('true');
});
