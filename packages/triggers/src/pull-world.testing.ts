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
import { until as untilChanged } from '@tagboat/store/testing/until';
import { pullTriggerController, statusController } from './index.ts';

export const modelYaml =
  'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { artifact: { path: m.bin } }\n';

/** A file of `.tekton/` with a run for pull requests to main. */
export const tektonRun = (name: string) =>
  `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ${name}\n  annotations: { pipelinesascode.tekton.dev/on-event: "[pull_request]", pipelinesascode.tekton.dev/on-target-branch: "[main]" }\nspec: { pipelineSpec: { tasks: [{ name: a, taskSpec: { steps: [{ image: bash }] } }] } }\n`;

export type PullWorld = Awaited<ReturnType<typeof pullWorld>>;

/** A repository `demo/r`, its pull request `r-1`, and the controllers that act on it, for tests to play with. */
export async function pullWorld() {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-pull-triggers-'));
  const url = join(directory, 'r.git');
  await git(['init', '--quiet', '--bare', url]);
  const store = new ObjectStore({});
  const key = { type: kinds.PullRequest, namespace: 'demo', name: 'r-1' };
  const repositoryKey = { type: kinds.Repository, namespace: 'demo', name: 'r' };
  const common = { store, clock: systemClock, log: silentLogger };
  const triggers = {
    ...common,
    mirrorOf: async () => url,
    registry: 'h:1',
    deploymentUrl: () => 'u',
  };
  const running: AsyncDisposable[] = [
    pullTriggerController(triggers).start(),
    statusController({
      ...common,
      page: (project, run) => `http://c/${project}/${run}`,
      mirrorOf: async () => url,
    }).start(),
  ];
  await store.create<Repository>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: { name: 'r', namespace: 'demo' },
    spec: {},
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
  const until = <T>(type: ResourceType, holds: () => Promise<T | undefined | false>) =>
    untilChanged(store, type, holds);
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

  return {
    url,
    store,
    key,
    repositoryKey,
    common,
    triggers,
    running,
    commit,
    pullOf,
    say,
    until,
    runs,
    handled,
    read,
    finish,
    status,
    [Symbol.asyncDispose]: async () => {
      for (const controller of running) await controller[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
