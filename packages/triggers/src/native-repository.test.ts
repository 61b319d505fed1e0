import {
  kinds,
  type PipelineRun,
  type PipelinesAsCodeRepository,
  type PipelinesAsCodeSpec,
  type Repository,
  type ResourceType,
} from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { until as untilChanged } from '@tagboat/store/testing/until';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nativeRepositoryController } from './index.ts';

const condition = (status: 'True' | 'False') => ({
  type: 'Succeeded',
  status,
  reason: status === 'True' ? 'Succeeded' : 'Failed',
  message: 'Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 0',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

describe('Repository of pipelinesascode.tekton.dev', () => {
  let store: ObjectStore;
  let controller: AsyncDisposable;
  beforeEach(() => {
    store = new ObjectStore({});
    controller = nativeRepositoryController({
      store,
      clock: systemClock,
      log: silentLogger,
      page: (project, run) => `http://c/${project}/${run}`,
      hostedAt: (url) => {
        const [, namespace, name] = /^http:\/\/here\/git\/(.+)\/(.+)\.git$/.exec(url) ?? [];
        return namespace && name ? { namespace, name } : undefined;
      },
    }).start();
  });
  afterEach(async () => {
    await controller[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  const apply = (name: string, spec: PipelinesAsCodeSpec, namespace = 'ci') =>
    store.create<PipelinesAsCodeRepository>({
      apiVersion: 'pipelinesascode.tekton.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name, namespace },
      spec,
    });
  const key = (type: ResourceType, name: string) => ({ type, namespace: 'ci', name });
  const until = <T>(type: ResourceType, holds: () => Promise<T | undefined | false>) =>
    untilChanged(store, type, holds);
  const repository = (name: string) => store.get<Repository>(key(kinds.Repository, name));
  const event = (reason: string) =>
    until(kinds.Event, async () =>
      (await store.list<Event>(kinds.Event)).items.find((item) => item.reason === reason),
    );
  const spec: PipelinesAsCodeSpec = {
    url: 'https://gitlab.com/org/repo.git',
    concurrency_limit: 2,
    params: [{ name: 'company', value: 'ACME', filter: 'pac.event == "push"' }],
    incoming: [{ type: 'webhook-url', secret: { name: 's' }, targets: ['main'], params: ['x'] }],
    settings: { pipelinerun_provenance: 'default_branch', policy: { ok_to_test: ['admins'] } },
    git_provider: { type: 'gitlab', secret: { name: 'token' }, webhook_secret: { name: 'hook' } },
  };

  it('becomes a Repository that follows the URL, changes with it, and belongs to it', async () => {
    await apply('repo', spec);
    const made = await until(kinds.Repository, () => repository('repo'));
    expect(made.spec).toEqual({ role: 'source', ...spec });
    expect(made.metadata.ownerReferences).toMatchObject([
      { apiVersion: 'pipelinesascode.tekton.dev/v1alpha1', kind: 'Repository', name: 'repo' },
    ]);
    await mutate<PipelinesAsCodeRepository>(store, key(kinds.PipelinesAsCodeRepository, 'repo'), (draft) => {
      const { incoming: _, ...rest } = draft.spec ?? {};
      draft.spec = { ...rest, concurrency_limit: 5 };
    });
    const { incoming: _, ...rest } = spec;
    await until(kinds.Repository, async () => (await repository('repo'))?.spec?.concurrency_limit === 5);
    expect((await repository('repo'))?.spec).toEqual({ role: 'source', ...rest, concurrency_limit: 5 });
  });

  it('with the URL of a repository hosted here says how that behaves, until it is deleted', async () => {
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'ci' },
      spec: { role: 'source' },
    });
    await apply('settings', { url: 'http://here/git/ci/app.git', concurrency_limit: 3 });
    await until(kinds.Repository, async () => (await repository('app'))?.spec?.concurrency_limit === 3);
    expect((await repository('app'))?.spec?.url).toBeUndefined();
    await store.delete(key(kinds.PipelinesAsCodeRepository, 'settings'));
    await until(
      kinds.Repository,
      async () => (await repository('app'))?.spec?.concurrency_limit === undefined,
    );
    expect((await repository('app'))?.spec).toEqual({ role: 'source' });
  });

  it('says by an event what stands in its way', async () => {
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'ci' },
      spec: { role: 'source' },
    });
    await apply('app', { url: 'https://github.com/o/app' });
    expect((await event('RepositoryNotFollowed')).message).toMatch(/is another repository, hosted here/);
    await apply('plain', { url: 'https://github.com/o/plain' });
    expect((await event('RepositorySettings')).message).toMatch(/need git_provider with type and secret/);
    await apply('second', { url: 'https://github.com/o/plain' });
    await until(kinds.Event, async () =>
      (await store.list<Event>(kinds.Event)).items.some(
        ({ message }) => message === 'repository already exists with URL: https://github.com/o/plain',
      ),
    );
    expect(await repository('second')).toBeUndefined();
  });

  it('shows its newest five finished runs as upstream words them, also after the runs are gone', async () => {
    await apply('repo', spec);
    await until(kinds.Repository, () => repository('repo'));
    for (const number of [1, 2, 3, 4, 5, 6]) {
      const name = `ci-${number}`;
      await store.create<PipelineRun>({
        apiVersion: 'tekton.dev/v1',
        kind: 'PipelineRun',
        metadata: {
          name,
          namespace: 'ci',
          labels: { 'tagboat.dev/repository': 'repo' },
          annotations: {
            'tagboat.dev/commit': 'abc',
            'pipelinesascode.tekton.dev/sha-title': 'a title',
            'pipelinesascode.tekton.dev/branch': 'refs/heads/feature/x',
            'pipelinesascode.tekton.dev/event-type': 'push',
          },
        },
        spec: {},
      });
      await store.create({
        apiVersion: 'tekton.dev/v1',
        kind: 'TaskRun',
        metadata: {
          name: `${name}-build`,
          namespace: 'ci',
          labels: { 'tekton.dev/pipelineRun': name, 'tekton.dev/pipelineTask': 'build' },
        },
        status: {
          completionTime: '2026-01-01T00:00:09Z',
          conditions: [condition('False')],
          annotations: { 'tagboat.dev/failure': 'ERROR: Module not found' },
        },
      } as never);
      await mutateStatus<PipelineRun>(store, key(kinds.PipelineRun, name), (draft) => {
        draft.status = {
          startTime: '2026-01-01T00:00:00Z',
          completionTime: `2026-01-01T00:00:1${number}Z`,
          conditions: [condition(number === 6 ? 'False' : 'True')],
        };
      });
      await until(kinds.PipelinesAsCodeRepository, async () => (await shown()).includes(name));
    }
    expect(await shown()).toEqual(['ci-2', 'ci-3', 'ci-4', 'ci-5', 'ci-6']);
    const native = await store.get<PipelinesAsCodeRepository>(key(kinds.PipelinesAsCodeRepository, 'repo'));
    expect(native?.pipelinerun_status?.at(-1)).toEqual({
      pipelineRunName: 'ci-6',
      startTime: '2026-01-01T00:00:00Z',
      completionTime: '2026-01-01T00:00:16Z',
      sha: 'abc',
      sha_url: 'https://gitlab.com/org/repo/-/commit/abc',
      title: 'a title',
      logurl: 'http://c/ci/ci-6',
      target_branch: 'feature-x',
      event_type: 'push',
      conditions: [condition('False')],
      failure_reason: {
        build: {
          name: 'build',
          message: condition('False').message,
          log_snippet: 'ERROR: Module not found',
          reason: 'Failed',
          completion_time: '2026-01-01T00:00:09Z',
        },
      },
    });
  });

  const shown = async () =>
    (
      (await store.get<PipelinesAsCodeRepository>(key(kinds.PipelinesAsCodeRepository, 'repo')))
        ?.pipelinerun_status ?? []
    ).map(({ pipelineRunName }) => pipelineRunName);
});
