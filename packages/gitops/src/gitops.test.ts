import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigMap, kinds, type Repository, type Secret, TypeRegistry } from '@tagboat/api';
import { invalid, silentLogger, systemClock } from '@tagboat/base';
import { commitFiles, git, type WorkingTree } from '@tagboat/git-client';
import { deleteIfPresent, mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Application, applicationController, differences, healthOf, managedResources } from './index.ts';

describe('differences', () => {
  const object = (spec: object, metadata = {}) => ({
    apiVersion: 'v1',
    kind: 'X',
    metadata: { name: 'x', ...metadata },
    spec,
  });
  it('takes defaults for no difference, and sees changed and removed fields', () => {
    expect(differences(object({ a: 1 }), object({ a: 1, b: 'default' }))).toEqual([]);
    expect(differences(object({ a: { c: 1 } }), object({ a: { c: 2 } }))).toEqual(['/spec/a/c']);
    const before = {
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(object({ a: 1, gone: 1 })),
      },
    };
    expect(differences(object({ a: 1 }), object({ a: 1, gone: 1 }, before))).toEqual(['/spec/gone']);
    expect(differences(object({ a: 1 }), object({ a: 2 }), ['/spec/a'])).toEqual([]);
  });
});

describe('health', () => {
  it('follows the rollout of a Deployment', () => {
    const deployment = (status: object) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', generation: 2 },
      spec: { replicas: 1 },
      status,
    });
    expect(healthOf(deployment({ observedGeneration: 1 }))?.status).toBe('Progressing');
    expect(
      healthOf(deployment({ observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }))
        ?.status,
    ).toBe('Healthy');
    expect(
      healthOf(
        deployment({
          observedGeneration: 2,
          conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
        }),
      )?.status,
    ).toBe('Degraded');
  });
});

describe('an Application', () => {
  let directory: string;
  let url: string;
  let store: ObjectStore;
  let controller: ReturnType<typeof applicationController>;
  /** What the API would refuse: names that begin like this. */
  let refused: string;
  beforeEach(async () => {
    refused = '';
    directory = await mkdtemp(join(tmpdir(), 'tagboat-gitops-'));
    url = join(directory, 'deploy.git');
    await git(['init', '--quiet', '--bare', url]);
    store = new ObjectStore({});
    controller = applicationController({
      store,
      types: new TypeRegistry(),
      clock: systemClock,
      log: silentLogger,
      repository: async (path) => path,
      check: ({ metadata }) => {
        if (refused && metadata.name.startsWith(refused)) throw invalid('not this');
      },
    }).start();
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'deploy', namespace: 'demo' },
      spec: {},
      status: {},
    });
    await mutateStatus<Repository>(
      store,
      { type: kinds.Repository, namespace: 'demo', name: 'deploy' },
      (draft) => {
        draft.status = { url, refs: {} };
      },
    );
  });
  afterEach(async () => {
    await controller[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const key = { type: kinds.Application, namespace: 'argocd', name: 'app' };
  const configMap = { type: kinds.ConfigMap, namespace: 'prod', name: 'c' };

  async function push(change: (tree: WorkingTree) => Promise<void>): Promise<string> {
    const { commit } = await commitFiles({ url, branch: 'main', message: 'change', change });
    await mutateStatus<Repository>(
      store,
      { type: kinds.Repository, namespace: 'demo', name: 'deploy' },
      (draft) => {
        draft.status = { url, refs: { 'refs/heads/main': commit } };
      },
    );
    return commit;
  }
  const put = (value: string) =>
    push(async (tree) => {
      await tree.write('o/kustomization.yaml', 'resources: [c.yaml]\n');
      await tree.write(
        'o/c.yaml',
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { a: "${value}" }\n`,
      );
    });
  async function when(holds: (application: Application) => boolean): Promise<Application> {
    const { items, resourceVersion } = await store.list<Application>(kinds.Application);
    if (items[0] && holds(items[0])) return items[0];
    for await (const { object } of store.watch<Application>(kinds.Application, {}, { from: resourceVersion }))
      if (holds(object)) return object;
    throw new Error('the watch ended');
  }
  const syncedAt = (commit: string) =>
    when(({ status }) => status?.sync?.status === 'Synced' && status.sync.revision === commit);
  const create = (automated: object | undefined) =>
    store.create<Application>({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: 'app', namespace: 'argocd' },
      spec: {
        source: { repoURL: url, path: 'o', targetRevision: 'main' },
        destination: { namespace: 'prod' },
        syncPolicy: { ...(automated ? { automated } : {}), syncOptions: ['CreateNamespace=true'] },
      },
    });
  const currentValue = async () => (await store.get<ConfigMap>(configMap))?.data?.a;

  it('syncs a commit, the next one, heals drift and prunes', async () => {
    const first = await put('1');
    await create({ prune: true, selfHeal: true, allowEmpty: true });
    const application = await syncedAt(first);
    expect(application.status).toMatchObject({
      health: { status: 'Healthy' },
      operationState: { phase: 'Succeeded' },
      history: [{ id: 0, revision: first }],
    });
    expect(await currentValue()).toBe('1');
    const second = await put('2');
    await syncedAt(second);
    expect(await currentValue()).toBe('2');
    const changed = await mutate<ConfigMap>(store, configMap, (draft) => {
      draft.data = { a: 'drift' };
    });
    for await (const { object } of store.watch<ConfigMap>(
      kinds.ConfigMap,
      {},
      { from: changed.metadata.resourceVersion! },
    ))
      if (object.data?.a === '2') break;
    const third = await push((tree) => tree.write('o/kustomization.yaml', 'resources: []\n'));
    await syncedAt(third);
    expect(await currentValue()).toBeUndefined();
  });

  it('tells each object as it is and as a sync would leave it, without secrets', async () => {
    const first = await put('1');
    await create({ prune: true, selfHeal: true, allowEmpty: true });
    await syncedAt(first);
    const options = { reader: store, types: new TypeRegistry(), repository: async (path: string) => path };
    const application = async () => (await store.get<Application>(key))!;
    const same = await managedResources(await application(), options);
    expect(same).toMatchObject({
      revision: first,
      items: [{ kind: 'ConfigMap', name: 'c', differs: false }],
    });
    expect(JSON.stringify(same)).not.toContain('last-applied');
    await commitFiles({
      url,
      branch: 'main',
      message: 'unnoticed yet',
      change: async (tree) => {
        await tree.write('o/kustomization.yaml', 'resources: [c.yaml, s.yaml]\n');
        await tree.write(
          'o/c.yaml',
          'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { a: "2" }\n',
        );
        await tree.write(
          'o/s.yaml',
          'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { password: hidden }\n',
        );
      },
    });
    const { items } = await managedResources(await application(), options);
    expect(items).toMatchObject([
      { name: 'c', differs: true, live: { data: { a: '1' } }, target: { data: { a: '2' } } },
      { name: 's', differs: true, target: { data: { password: '++++++++' } } },
    ]);
    expect(items[1]).not.toHaveProperty('live');
  });

  it('asks git again when the Repository shows something new, not for each change of what it made', async () => {
    const first = await put('1');
    await create({ selfHeal: true });
    await syncedAt(first);
    await commitFiles({
      url,
      branch: 'main',
      message: 'not shown yet',
      change: (tree) => tree.remove('o/kustomization.yaml'),
    });
    const changed = await mutate<ConfigMap>(store, configMap, (draft) => {
      draft.data = { a: 'drift' };
    });
    const from = changed.metadata.resourceVersion!;
    for await (const { object } of store.watch<ConfigMap>(kinds.ConfigMap, {}, { from }))
      if (object.data?.a === '1') break;
    await syncedAt(first);
    await syncedAt(await put('2'));
    expect(await currentValue()).toBe('2');
  });

  it('only compares without automation, and syncs when asked', async () => {
    const commit = await put('1');
    await create(undefined);
    await when(({ status }) => status?.sync?.status === 'OutOfSync');
    expect(await currentValue()).toBeUndefined();
    await mutate<Application>(store, key, (draft) => {
      draft.operation = { sync: {} };
    });
    await syncedAt(commit);
    expect(await currentValue()).toBe('1');
  });

  it('keeps what runs when git is broken, and says where', async () => {
    const good = await put('1');
    await create({ prune: true, selfHeal: true });
    await syncedAt(good);
    await push((tree) => tree.write('o/kustomization.yaml', 'resources: [c.yaml]\nnonsense: 1\n'));
    const broken = await when(({ status }) => status?.sync?.status === 'Unknown');
    expect(broken.status?.conditions?.[0]?.message).toMatch(
      /o\/kustomization\.yaml:2:1.*nonsense|nonsense.*o\/kustomization\.yaml:2:1/s,
    );
    expect(await currentValue()).toBe('1');
    await deleteIfPresent(store, key);
  });

  const putFile = (text: string) =>
    push(async (tree) => {
      await tree.write('o/kustomization.yaml', 'resources: [c.yaml]\n');
      await tree.write('o/c.yaml', text);
    });

  it('stores what is written as text in a Secret as who reads it expects', async () => {
    const commit = await putFile(
      'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { password: "hélo" }\n',
    );
    await create({ selfHeal: true });
    await syncedAt(commit);
    const secret = await store.get<Secret>({ type: kinds.Secret, namespace: 'prod', name: 's' });
    expect(secret).toMatchObject({ data: { password: Buffer.from('hélo').toString('base64') } });
    expect(secret?.stringData).toBeUndefined();
  });

  it('applies nothing that the API would refuse, and says so', async () => {
    refused = 'o';
    await putFile('apiVersion: v1\nkind: ConfigMap\nmetadata: { name: odd }\ndata: { a: "1" }\n');
    await create({ selfHeal: true });
    const failed = await when(({ status }) => status?.operationState?.phase === 'Failed');
    expect(failed.status?.operationState?.message).toContain('ConfigMap odd: not this');
    expect((await store.list(kinds.ConfigMap)).items).toEqual([]);
  });

  it('says of hooks that they are not run, and of an object without a name that it needs one', async () => {
    const hook = (more: string) =>
      `apiVersion: batch/v1\nkind: Job\nmetadata:\n  ${more}\n  annotations: { argocd.argoproj.io/hook: PreSync }\n`;
    const first = await putFile(`${hook('name: migrate')}---\n${hook('generateName: again-')}`);
    await create({ selfHeal: true });
    const told = await syncedAt(first);
    expect(told.status?.conditions).toMatchObject([
      {
        type: 'HooksNotRun',
        message: expect.stringMatching(/Job migrate \(PreSync\), Job again-\* \(PreSync\)/),
      },
    ]);
    expect((await store.list(kinds.Job)).items).toEqual([]);
    await putFile('apiVersion: v1\nkind: ConfigMap\nmetadata: { generateName: x- }\n');
    const broken = await when(({ status }) => status?.sync?.status === 'Unknown');
    expect(broken.status?.conditions?.[0]?.message).toContain('expected metadata.name');
  });

  it('an operation at a revision that there is not ends, and git is followed again', async () => {
    const commit = await put('1');
    await create({ selfHeal: true });
    await syncedAt(commit);
    await mutate<Application>(store, key, (draft) => {
      draft.operation = { sync: { revision: 'no-such-tag' } };
    });
    const ended = await when(({ status }) => status?.operationState?.phase === 'Error');
    expect(ended.operation).toBeUndefined();
    await syncedAt(await put('2'));
  });

  it('says what it misses where no source is named', async () => {
    await store.create<Application>({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: 'app', namespace: 'argocd' },
      spec: { sources: [], destination: {} } as never,
    });
    const told = await when(({ status }) => status?.sync?.status === 'Unknown');
    expect(told.status?.conditions?.[0]?.message).toContain('spec.source.repoURL');
  });

  it('says that a kind is not served here, and keeps what runs', async () => {
    const good = await put('1');
    await create({ prune: true, selfHeal: true });
    await syncedAt(good);
    await push((tree) =>
      tree.write('o/c.yaml', 'apiVersion: example.com/v1\nkind: Unknown\nmetadata: { name: c }\n'),
    );
    const broken = await when(({ status }) => status?.sync?.status === 'Unknown');
    expect(broken.status?.conditions?.[0]?.message).toContain('no kind "Unknown"');
    expect(await currentValue()).toBe('1');
  });
});
