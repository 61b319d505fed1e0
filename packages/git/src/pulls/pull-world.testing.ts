import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HandledRef, kinds, type PullRequest, type Repository } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';
import { ObjectStore } from '@tagboat/store';
import Fastify from 'fastify';
import {
  Hosting,
  Proposals,
  pullRequestController,
  repositoryController,
  restApi,
  smartHttp,
} from '../index.ts';

export type PullWorld = Awaited<ReturnType<typeof pullWorld>>;

/** A hosted repository `demo/app` with one commit on main, and a clone of it, for tests to push from. */
export async function pullWorld() {
  const running: AsyncDisposable[] = [];
  let commits = 0;
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-pulls-'));
  const store = new ObjectStore({});
  const hosting = new Hosting(join(directory, 'hosted'));
  const app = Fastify();
  const proposals = new Proposals({
    store,
    page: (ns, name, number) => `http://h/${ns}/${name}/${number}`,
  });
  const nudge = (namespace: string, name: string) =>
    repositories?.enqueue({ type: kinds.Repository, namespace, name });
  let repositories: ReturnType<typeof repositoryController> | undefined;
  const open = (namespace: string, name: string) => hosting.ensure(namespace, name);
  await app.register(
    (scope) =>
      smartHttp(scope, {
        open,
        proposals: {
          hooks: () => hosting.hooks(),
          note: (namespace, name) => `look at http://h/${namespace}/${name}\nor elsewhere`,
          propose: (about, what) => proposals.take(about, what),
        },
        pushed: async (namespace, name) => nudge(namespace, name),
        log: silentLogger,
      }),
    { prefix: '/git' },
  );
  await app.register(
    (scope) =>
      restApi(scope, {
        store,
        open,
        changed: async (namespace, name) => nudge(namespace, name),
        url: () => 'http://h/api',
        page: (namespace, name) => `http://h/${namespace}/${name}`,
        now: () => '2026-01-01T00:00:00Z',
        userOf: () => 'ada',
        log: silentLogger,
      }),
    { prefix: '/git/api/v1' },
  );
  const base = `${await app.listen({ port: 0, host: '127.0.0.1' })}/git`;
  const common = { store, hosting, clock: systemClock, log: silentLogger };
  repositories = repositoryController({ ...common, baseUrl: base }).start();
  running.push(repositories, pullRequestController({ ...common, changed: nudge }).start());
  await store.create<Repository>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: { name: 'app', namespace: 'demo' },
    spec: {},
  });
  const work = join(directory, 'work');
  await git(['init', '-q', work]);
  await git(['remote', 'add', 'origin', `${base}/demo/app.git`], { cwd: work });
  await commit('one', { 'a.txt': 'one\n' });
  await git(['push', '-q', 'origin', 'HEAD:main'], { cwd: work });

  async function commit(message: string, files: Record<string, string>, amend = false): Promise<string> {
    for (const [path, text] of Object.entries(files)) await writeFile(join(work, path), text);
    await git(['add', '-A'], { cwd: work });
    const date = ['--date', new Date(Date.UTC(2026, 0, 1, 0, 0, commits++)).toISOString()];
    await git(['commit', '-qm', message, ...(amend ? ['--amend'] : date)], { cwd: work });
    return (await git(['rev-parse', 'HEAD'], { cwd: work })).stdout.toString().trim();
  }
  /** As a person pushes, with what git tells them. */
  const push = (refspec: string, ...options: string[]) =>
    runCommand('git', ['push', ...options.flatMap((option) => ['-o', option]), 'origin', refspec], {
      cwd: work,
      env: { ...process.env, LC_ALL: 'C' },
    });
  const key = (number: number) => ({ type: kinds.PullRequest, namespace: 'demo', name: `app-${number}` });
  async function until(number: number, holds: (pull: PullRequest) => boolean): Promise<PullRequest> {
    const { resourceVersion } = await store.list(kinds.PullRequest, {});
    const found = await store.get<PullRequest>(key(number));
    if (found && holds(found)) return found;
    for await (const { object } of store.watch<PullRequest>(kinds.PullRequest, {}, { from: resourceVersion }))
      if (object.metadata.name === key(number).name && holds(object)) return object;
    throw new Error('the watch ended');
  }
  const call = async (method: 'GET' | 'POST' | 'PATCH', path: string, payload?: object) => {
    const answer = await app.inject({
      method,
      url: `/git/api/v1/repos/demo/app${path}`,
      ...(payload ? { payload } : {}),
    });
    return {
      status: answer.statusCode,
      body: /json/.test(String(answer.headers['content-type'])) ? answer.json() : undefined,
    };
  };
  async function handled(number: number, head: string): Promise<void> {
    await store.create<HandledRef>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'HandledRef',
      metadata: { name: `h-${head}`, namespace: 'demo', labels: { 'tagboat.dev/repository': 'app' } },
      spec: {
        repository: 'app',
        ref: `refs/pull/${number}/head`,
        commit: head,
        sequence: 1,
        pipelineRuns: [],
      },
    });
  }
  const check = (head: string, state: string) =>
    call('POST', `/statuses/${head}`, { state, context: 'ci/test' });

  return {
    store,
    hosted: () => hosting.ensure('demo', 'app'),
    work,
    commit,
    push,
    key,
    until,
    call,
    handled,
    check,
    [Symbol.asyncDispose]: async () => {
      for (const item of running) await item[Symbol.asyncDispose]();
      await app.close();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
