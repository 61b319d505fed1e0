import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HandledRef, kinds, type PullRequest, type Repository } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { forgeController } from '@tagboat/git';
import { commitFiles, git, lsRemote } from '@tagboat/git-client';
import { mutateStatus, openDiskStore, type ResourceStore } from '@tagboat/store';
import { triggerController } from '@tagboat/triggers';
import Fastify from 'fastify';

/**
 * What many refs and pull requests cost: the time of this process from when they are seen until all are known, and how much of
 * it the processor worked. Nothing runs: the figures are of triggers and forges alone, on a durable store.
 */
const commit = 'a'.repeat(40);
const alive = setInterval(() => undefined, 1_000);

async function measure(what: string, work: () => Promise<unknown>): Promise<void> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1).padStart(6)} s`;
  console.log(
    `${what.padEnd(52)} ${seconds(performance.now() - began)}, CPU ${seconds((user + system) / 1000)}`,
  );
}

async function withStore(work: (store: ResourceStore, directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-bench-triggers-'));
  await using store = await openDiskStore({
    directory: join(directory, 'store'),
    keyFile: join(directory, 'key'),
  });
  await work(store, directory);
  await rm(directory, { recursive: true, force: true });
}

/** Resolves once the store holds so many objects of a type. */
async function reached(store: ResourceStore, type: typeof kinds.HandledRef, count: number): Promise<void> {
  const { items, resourceVersion } = await store.list(type);
  let left = count - items.length;
  if (left <= 0) return;
  for await (const event of store.watch(type, {}, { from: resourceVersion }))
    if (event.type === 'ADDED' && --left === 0) return;
}

const repository = (spec: Repository['spec']): Repository => ({
  apiVersion: 'tagboat.dev/v1alpha1',
  kind: 'Repository',
  metadata: { name: 'r', namespace: 'demo' },
  spec: spec ?? {},
});

async function refs(count: number, kind: 'tags' | 'heads', isOutside: boolean): Promise<void> {
  await withStore(async (store, directory) => {
    const bare = join(directory, 'r.git');
    await git(['init', '--quiet', '--bare', bare]);
    const model =
      'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { tags: ["v*"], artifact: { path: m.bin } }\n';
    const made = await commitFiles({
      url: bare,
      branch: 'main',
      message: 'first [skip ci]',
      change: (tree) => tree.write('tagboat.yaml', model),
    });
    const lines = Array.from(
      { length: count },
      (_, index) => `create refs/${kind}/n${index} ${made.commit}\n`,
    );
    await git(['update-ref', '--stdin'], { cwd: bare, stdin: lines.join('') });
    await store.create(repository(isOutside ? { url: bare } : {}));
    const options = {
      store,
      clock: systemClock,
      log: silentLogger,
      registry: 'localhost:1',
      deploymentUrl: () => 'u',
    };
    await using _ = triggerController({ ...options, mirrorOf: async () => bare }).start();
    const what = `${count} ${kind}${isOutside ? ' of an outside repository, connected' : ' pushed at once'}`;
    const key = { type: kinds.Repository, namespace: 'demo', name: 'r' };
    await measure(what, async () => {
      const seen = await lsRemote(bare);
      await mutateStatus<Repository>(store, key, (draft) => {
        draft.status = { url: bare, refs: seen.refs, defaultBranch: 'main' };
      });
      await reached(store, kinds.HandledRef, count + 1);
    });
    await git(['update-ref', 'refs/tags/one-more', made.commit], { cwd: bare });
    await measure(`  one more ref beside them`, async () => {
      const seen = await lsRemote(bare);
      await mutateStatus<Repository>(store, key, (draft) => {
        draft.status = { ...draft.status, refs: seen.refs };
      });
      await reached(store, kinds.HandledRef, count + 2);
    });
    const { items } = await store.list<HandledRef>(kinds.HandledRef);
    if (items.length !== count + 2)
      throw new Error(`expected ${count + 2} refs in the ledger, found ${items.length}`);
  });
}

async function pulls(count: number): Promise<void> {
  await withStore(async (store) => {
    let asked = 0;
    const forge = Fastify();
    forge.addHook('onRequest', async () => {
      asked++;
    });
    const side = (repo: string, ref: string, sha: string) => ({
      ref,
      sha,
      repo: { full_name: repo, clone_url: 'u' },
    });
    const pullAt = (number: number) => ({
      ...{ number, title: 't', body: null, state: 'open', html_url: 'u', updated_at: '2026-01-01T00:00:00Z' },
      ...{ user: { login: `u${number}` }, author_association: 'NONE', labels: [] },
      ...{ head: side('x/app', 'x', commit), base: side('team/app', 'main', commit) },
    });
    forge.get<{ Querystring: { page: string; per_page: string } }>(
      '/repos/team/app/pulls',
      async ({ query }) => {
        const size = Number(query.per_page);
        const from = (Number(query.page) - 1) * size;
        return Array.from({ length: Math.max(0, Math.min(size, count - from)) }, (_, at) =>
          pullAt(count - from - at),
        );
      },
    );
    forge.get('/repos/team/app/issues/:number/comments', async () => []);
    const url = await forge.listen({ port: 0, host: '127.0.0.1' });
    await store.create(repository({ url: `${url}/team/app.git`, forge: { type: 'github', url } }));
    await using controller = forgeController({ store, clock: systemClock, log: silentLogger });
    await measure(`${count} open pull requests of a forge, connected`, async () => {
      controller.start();
      await reached(store, kinds.PullRequest, count);
      await settled(store);
    });
    console.log(`  ${asked} requests`);
    asked = 0;
    await measure('  another look at them', async () => {
      controller.enqueue({ type: kinds.Repository, namespace: 'demo', name: 'r' });
      while (!controller.idle || asked < count / 100) await new Promise(setImmediate);
    });
    console.log(`  ${asked} requests`);
    await forge.close();
  });
}

/** Resolves once every pull request has been looked at to its end. */
async function settled(store: ResourceStore): Promise<void> {
  const isDone = ({ metadata }: PullRequest) =>
    metadata.annotations?.['tagboat.dev/forge-updated-at'] !== undefined;
  const { items, resourceVersion } = await store.list<PullRequest>(kinds.PullRequest);
  const open = new Set(items.filter((pull) => !isDone(pull)).map(({ metadata }) => metadata.name));
  if (open.size === 0) return;
  for await (const { object } of store.watch<PullRequest>(kinds.PullRequest, {}, { from: resourceVersion })) {
    if (isDone(object)) open.delete(object.metadata.name);
    if (open.size === 0) return;
  }
}

await refs(5_000, 'tags', false);
await refs(1_000, 'heads', false);
await refs(20_000, 'tags', true);
await pulls(1_000);
clearInterval(alive);
