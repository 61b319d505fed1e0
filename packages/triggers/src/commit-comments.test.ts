import { type CommitComment, kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { git } from '@tagboat/git-client';
import { mutate, mutateStatus } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitCommentController } from './index.ts';
import { type PullWorld, pullWorld } from './pull-world.testing.ts';

const run = (name: string, target: string, more = '') =>
  `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  name: ${name}\n  annotations: { pipelinesascode.tekton.dev/on-event: "[push]", pipelinesascode.tekton.dev/on-target-branch: "[${target}]"${more} }\nspec: { params: [{ name: p, value: "{{ source_branch }} {{ git_tag }} {{ event_type }} {{ company }}" }], pipelineSpec: { params: [{ name: p }], tasks: [{ name: a, taskSpec: { steps: [{ image: bash }] } }] } }\n`;

describe('comments on pushed commits', () => {
  let world: PullWorld;
  let head: string;
  let number = 0;
  beforeEach(async () => {
    world = await pullWorld();
    number = 0;
    const { url, commit, store, repositoryKey, running, triggers } = world;
    head = await commit(
      {
        '.tekton/main.yaml': run('unit', 'main'),
        '.tekton/side.yaml': run('side', 'side/*'),
        '.tekton/tag.yaml': run('release', 'refs/tags/*'),
        '.tekton/deploy.yaml': run('deploy', 'none', ', pipelinesascode.tekton.dev/on-comment: "^/deploy"'),
        OWNERS:
          'approvers: [maintainers]\nfilters: { ".*": { reviewers: [Grace] }, "docs/.*": { approvers: [eve] } }\n',
        OWNERS_ALIASES: 'aliases: { maintainers: [linus] }\n',
      },
      'main',
      'first',
    );
    await git(['update-ref', 'refs/heads/side/x', head], { cwd: url });
    await git(['update-ref', 'refs/tags/v1', head], { cwd: url });
    await mutate<Repository>(store, repositoryKey, (draft) => {
      draft.spec = { params: [{ name: 'company' }] };
    });
    await mutateStatus<Repository>(store, repositoryKey, (draft) => {
      draft.status = {
        url,
        defaultBranch: 'main',
        refs: {
          'refs/heads/main': head,
          'refs/heads/side/x': head,
          'refs/tags/v1': head,
          'refs/tags/old': 'f'.repeat(40),
        },
      };
    });
    running.push(commitCommentController(triggers).start());
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** What came of a comment. */
  async function say(body: string, more: Partial<NonNullable<CommitComment['spec']>> = {}) {
    const { store, until } = world;
    const name = `c${++number}`;
    await store.create<CommitComment>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'CommitComment',
      metadata: {
        name,
        namespace: 'demo',
        labels: { 'tagboat.dev/repository': 'r', 'tagboat.dev/commit': head },
      },
      spec: {
        repository: 'r',
        commit: head,
        author: 'ada',
        body,
        createdAt: '2026-01-01T00:00:00Z',
        trusted: true,
        ...more,
      },
    });
    const key = { type: kinds.CommitComment, namespace: 'demo', name };
    return until(kinds.CommitComment, async () => {
      const found = await store.get<CommitComment>(key);
      return found?.status?.handledAt ? found.status : undefined;
    });
  }
  const made = async (status: CommitComment['status']) => {
    const runs = await Promise.all(
      (status?.pipelineRuns ?? []).map((name) =>
        world.store.get<PipelineRun>({ type: kinds.PipelineRun, namespace: 'demo', name }),
      ),
    );
    return runs.map((found) => [
      found?.metadata.annotations?.['tagboat.dev/run-name'],
      String(found?.spec?.params?.[0]?.value),
      found?.metadata.annotations?.['pipelinesascode.tekton.dev/event-type'],
    ]);
  };

  it('without a target are about the default branch, with one about that branch or tag', async () => {
    expect(await made(await say('/test'))).toEqual([
      ['unit', 'main  push {{ company }}', 'test-all-comment'],
    ]);
    expect(await made(await say('/test branch:side/x'))).toEqual([
      ['side', 'side-x  push {{ company }}', 'test-all-comment'],
    ]);
    expect(await made(await say('please\n/test tag: v1'))).toEqual([
      ['release', 'v1 v1 push {{ company }}', 'test-all-comment'],
    ]);
    expect(await made(await say('/test side company="A B: C"'))).toEqual([
      ['side', 'main  push A B: C', 'test-comment'],
    ]);
    expect(await made(await say('/deploy now'))).toEqual([
      ['deploy', 'main  on-comment {{ company }}', 'on-comment'],
    ]);
    expect(await say('nice work')).toMatchObject({
      pipelineRuns: [],
      reason: expect.stringContaining('waits for'),
    });
  });

  it('/retest makes again what failed alone, /cancel ends what runs, each by a run of its own', async () => {
    const [first] = (await say('/retest')).pipelineRuns ?? [];
    expect(await say('/retest')).toMatchObject({
      pipelineRuns: [],
      reason: expect.stringMatching(/have not ended/),
    });
    await world.finish(first!, 'False');
    const [second] = (await say('/retest')).pipelineRuns ?? [];
    expect(second).not.toBe(first);
    expect(await say('/cancel other')).toMatchObject({ pipelineRuns: [], reason: 'nothing of it runs' });
    expect(await say('/cancel unit')).toMatchObject({ pipelineRuns: [second] });
    const cancelled = await world.store.get<PipelineRun>({
      type: kinds.PipelineRun,
      namespace: 'demo',
      name: second!,
    });
    expect(cancelled?.spec?.status).toBe('CancelledRunFinally');
    await world.finish(second!, 'True');
    expect((await say('/retest unit')).pipelineRuns).toHaveLength(1);
  });

  it('several at once each have runs of their own', async () => {
    const said = await Promise.all(Array.from({ length: 5 }, () => say('/test unit')));
    expect(new Set(said.flatMap((status) => status.pipelineRuns ?? [])).size).toBe(5);
  });

  it.each([
    ['/test branch:gone', 'there is no branch "gone"'],
    ['/test tag:old', /is not the commit of the tag "old", but ffffffffff/],
    ['/test host:x', 'expected branch:NAME or tag:NAME, found "host:x"'],
    ['/ok-to-test', /is for pull requests/],
    ['/test gone', /no run in .tekton waits for this/],
  ])('%s says why nothing is done', async (text, reason) => {
    expect(await say(text)).toMatchObject({ pipelineRuns: [], reason: expect.stringMatching(reason) });
  });

  it('of whoever may not push do nothing, but of those in OWNERS', async () => {
    const stranger = { author: 'eve', trusted: false };
    expect(await say('/test', stranger)).toMatchObject({
      pipelineRuns: [],
      reason: expect.stringMatching(/^eve may not ask for runs: neither/),
    });
    expect((await say('/test', { author: 'Linus', trusted: false })).pipelineRuns).toHaveLength(1);
    expect((await say('/test', { author: 'grace', trusted: false })).pipelineRuns).toHaveLength(1);
  });

  it('on a commit that is no head any more are refused', async () => {
    expect(await say('/test', { commit: 'e'.repeat(40) })).toMatchObject({
      reason: expect.stringMatching(
        /eeeeeeeeee is not the commit of the branch "main", which is what a command without/,
      ),
    });
  });
});
