import { kinds, type Pod, type PullRequest } from '@tagboat/api';
import { type PlatformProcess, until, WorkingCopy } from '@tagboat/dev-env';
import { expect } from 'vitest';

/** A change of somebody from outside, to the repository `outside/app`. */
export interface OutsideChange extends AsyncDisposable {
  /** Waits until the pull request is as wanted. */
  readonly pull: (what: string, holds: (pull: PullRequest) => boolean) => Promise<PullRequest>;
  /** The pods that run its code. */
  readonly pods: () => Promise<Pod[]>;
}

/**
 * Proposes a change from outside to a repository that holds `files`, and lets a member allow it once it has been seen to wait,
 * with nothing of it run before.
 */
export async function allowedChange(
  platform: PlatformProcess,
  files: Readonly<Record<string, string>>,
  theirs: Readonly<Record<string, string>>,
): Promise<OutsideChange> {
  const client = await platform.client();
  const copy = await WorkingCopy.create(() => platform.gitUrl('outside', 'app'), { ...files });
  await copy.commit('one [skip ci]');
  await copy.push('HEAD:refs/heads/main');
  await until(
    client,
    { type: kinds.Repository, namespace: 'outside', what: 'the repository' },
    ({ status }) => Boolean((status as { refs?: object } | undefined)?.refs),
  );
  await copy.write({ ...theirs });
  const head = await copy.commit('theirs');
  await copy.push('HEAD:refs/outside/theirs');
  await client.create(kinds.PullRequest, {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'PullRequest',
    metadata: { name: 'app-1', namespace: 'outside', labels: { 'tagboat.dev/repository': 'app' } },
    spec: {
      ...{ repository: 'app', number: 1, title: 'theirs', sourceRef: 'refs/outside/theirs' },
      ...{ targetBranch: 'main', state: 'open', external: true },
    },
  });
  const pull = (what: string, holds: (pull: PullRequest) => boolean) =>
    until<PullRequest>(
      client,
      { type: kinds.PullRequest, namespace: 'outside', what, timeout: 120_000 },
      holds,
    );
  const pods = async () =>
    (await client.list<Pod>(kinds.Pod, { namespace: 'outside' })).items.filter(
      ({ metadata }) => metadata.labels?.['tagboat.dev/untrusted'] === 'true',
    );
  await pull('a request to allow it', ({ status }) =>
    Boolean(
      status?.headCommit === head && status.checks?.some(({ context }) => context === 'tagboat/approval'),
    ),
  );
  expect(await pods()).toEqual([]);
  const comment = `/ok-to-test ${head.slice(0, 10)}`;
  const said = await platform.cli(['pr', 'comment', '1', comment, '-r', 'outside/app']);
  expect(said.code, said.stderr).toBe(0);
  return { pull, pods, [Symbol.asyncDispose]: () => copy[Symbol.asyncDispose]() };
}
