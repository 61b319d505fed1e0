import { type CommitStatus, type HandledRef, kinds, type PullRequest, type Repository } from '@tagboat/api';
import { mutateStatus, ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
import { concernedPulls } from './pull-request-controller.ts';

const apiVersion = 'tagboat.dev/v1alpha1';
const metadata = { name: 'x', namespace: 'demo', labels: { 'tagboat.dev/repository': 'app' } };
const head = (number: number) => String(number).repeat(40);

it('of many pull requests those are looked at that a change is about', async () => {
  await using store = new ObjectStore({});
  for (const number of [1, 2, 3]) {
    const name = `app-${number}`;
    await store.create<PullRequest>({
      apiVersion,
      kind: 'PullRequest',
      metadata: { ...metadata, name },
      spec: {
        ...{ repository: 'app', number, title: 't', state: 'open' },
        sourceRef: number === 3 ? 'refs/heads/side' : `refs/pull/${number}/head`,
        targetBranch: number === 2 ? 'next' : 'main',
      },
    });
    await mutateStatus<PullRequest>(store, { type: kinds.PullRequest, namespace: 'demo', name }, (draft) => {
      draft.status = { headCommit: head(number), baseCommit: number === 2 ? 'n' : 'm' };
    });
  }
  const names = async (object: CommitStatus | HandledRef | Repository) =>
    (await concernedPulls(store, object)).map(({ name }) => name);
  const said = { repository: 'app', context: 'c', state: 'success' as const, updatedAt: 'now' };
  const status = (commit: string): CommitStatus => ({
    apiVersion,
    kind: 'CommitStatus',
    metadata,
    spec: { ...said, commit },
  });
  expect(await names(status(head(2)))).toEqual(['app-2']);
  expect(await names(status('f'))).toEqual([]);
  const handled = { repository: 'app', commit: head(1), sequence: 1, pipelineRuns: [] };
  const entry = (ref: string): HandledRef => ({
    apiVersion,
    kind: 'HandledRef',
    metadata,
    spec: { ...handled, ref },
  });
  expect(await names(entry('refs/pull/1/head'))).toEqual(['app-1']);
  expect(await names(entry('refs/heads/main'))).toEqual([]);
  const repository = (refs: Record<string, string>): Repository => ({
    apiVersion,
    kind: 'Repository',
    metadata: { name: 'app', namespace: 'demo' },
    status: { refs },
  });
  const seen = { 'refs/heads/main': 'm', 'refs/heads/next': 'n', 'refs/heads/side': head(3) };
  expect(await names(repository({ ...seen, 'refs/tags/v1': 'f' }))).toEqual([]);
  expect(await names(repository({ ...seen, 'refs/heads/main': 'f' }))).toEqual(['app-1', 'app-3']);
  expect(await names(repository({ ...seen, 'refs/heads/side': 'f' }))).toEqual(['app-3']);
  expect(await names(repository({ 'refs/heads/main': 'm' }))).toEqual(['app-2']);
});
