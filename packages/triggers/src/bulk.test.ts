import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HandledRef, kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { commitFiles, git, lsRemote } from '@tagboat/git-client';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
import { triggerController } from './index.ts';

const run = (name: string, target: string) =>
  `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ${name}\n  annotations: { pipelinesascode.tekton.dev/on-event: "[push]", pipelinesascode.tekton.dev/on-target-branch: "[${target}]" }\nspec: { pipelineSpec: { tasks: [{ name: a, taskSpec: { steps: [{ name: s, image: bash, script: "echo {{ source_branch }} {{ git_tag }}" }] } }] } }\n`;

it('many branches pushed at once each get their run, and a tag pushed meanwhile goes before the rest', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-bulk-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(directory, { recursive: true }));
  const bare = join(directory, 'r.git');
  await git(['init', '--quiet', '--bare', bare]);
  const { commit } = await commitFiles({
    url: bare,
    branch: 'b0',
    message: 'm',
    change: async (tree) => {
      await tree.write('.tekton/branch.yaml', run('ci', 'b*'));
      await tree.write('.tekton/tag.yaml', run('release', 'refs/tags/*'));
    },
  });
  const names = Array.from({ length: 59 }, (_, index) => `b${index + 1}`);
  const update = (lines: string[]) =>
    git(['update-ref', '--stdin'], { cwd: bare, stdin: lines.map((line) => `${line}\n`).join('') });
  await update(names.map((name) => `create refs/heads/${name} ${commit}`));
  const store = new ObjectStore({});
  cleanUp.use(store);
  const key = { type: kinds.Repository, namespace: 'demo', name: 'r' };
  await store.create<Repository>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: { name: 'r', namespace: 'demo' },
    spec: {},
  });
  const observe = async () => {
    const { refs } = await lsRemote(bare);
    await mutateStatus<Repository>(store, key, (draft) => {
      draft.status = { url: bare, refs, defaultBranch: 'b0' };
    });
  };
  await observe();
  let looks = 0;
  const controller = triggerController({
    store,
    clock: systemClock,
    log: silentLogger,
    registry: 'localhost:1',
    deploymentUrl: () => 'u',
    mirrorOf: async () => {
      if (looks++ === 0) {
        await update([`create refs/tags/v1 ${commit}`]);
        await observe();
      }
      return bare;
    },
  }).start();
  cleanUp.use(controller);
  const ledger = async () => (await store.list<HandledRef>(kinds.HandledRef)).items;
  const { resourceVersion } = await store.list(kinds.HandledRef);
  if ((await ledger()).length < 61)
    for await (const _ of store.watch(kinds.HandledRef, {}, { from: resourceVersion }))
      if ((await ledger()).length === 61) break;
  const tag = (await ledger()).find(({ spec }) => spec?.ref === 'refs/tags/v1');
  expect(tag?.spec?.sequence).toBe(21);
  const runs = (await store.list<PipelineRun>(kinds.PipelineRun)).items;
  expect(runs).toHaveLength(61);
  const said = new Set(runs.map(({ spec }) => spec?.pipelineSpec?.tasks[0]?.taskSpec?.steps[0]?.script));
  expect(said.size).toBe(61);
  expect(said).toContain('echo b7 ');
});
