import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubernetesObject, kinds, ownedBy, type PersistentVolumeClaim, type Pod } from '@tagboat/api';
import { type Digest, ManualClock, sha256, silentLogger } from '@tagboat/base';
import { Hosting } from '@tagboat/git';
import { commitFiles } from '@tagboat/git-client';
import { BlobStore } from '@tagboat/registry';
import { stepOutcomeType } from '@tagboat/render';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Collection, defaultKeepUnused } from './collection.ts';

const day = 24 * 3600_000;

let home: string;
let store: ObjectStore;
let blobs: BlobStore;
let hosting: Hosting;
let collection: Collection;
let clock: ManualClock;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'collection-'));
  await mkdir(join(home, 'volumes', 'trash'), { recursive: true });
  // Everything that is made here is a year old.
  clock = new ManualClock(Date.now() + 365 * day);
  store = new ObjectStore({ clock });
  blobs = new BlobStore(join(home, 'blobs'));
  hosting = new Hosting(join(home, 'git'));
  collection = new Collection({
    ...{ store, types: store.types, clock, home, blobs, hosting },
    ...{ keep: defaultKeepUnused, log: silentLogger },
  });
});
afterEach(async () => {
  await collection[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

async function push(text: string, manifest: object = {}): Promise<Digest> {
  const bytes = Buffer.from(JSON.stringify({ text, ...manifest }));
  await blobs.putManifest('demo/m', sha256(bytes), { bytes, mediaType: 'application/json' });
  return sha256(bytes);
}

const isKept = async (digest: Digest) => (await blobs.manifest('demo/m', digest)) !== undefined;
const create = (kind: string, apiVersion: string, name: string, rest: object) =>
  store.create({ apiVersion, kind, metadata: { name, namespace: 'demo' }, ...rest } as KubernetesObject);

/** A commit that writes this text to a repository's only file. */
async function commit(name: string, text: string): Promise<void> {
  const url = await hosting.ensure('demo', name);
  const change = async (tree: { directory: string }) =>
    writeFile(join(tree.directory, 'kustomization.yaml'), text);
  await commitFiles({ url, branch: 'main', message: () => text, change });
}

it('keeps what a release of any time names, what is recorded and what runs, and tells what it removed', async () => {
  const [first, second, recorded, running, ended, source, unused, outcome] = await Promise.all([
    ...['first', 'second', 'recorded', 'running', 'ended', 'source', 'unused'].map((text) => push(text)),
    push('outcome', { artifactType: stepOutcomeType }),
  ] as Promise<Digest>[]);
  await blobs.setTag('demo/m', 'key', outcome!);
  await create('Repository', 'tagboat.dev/v1alpha1', 'm-deployment', { spec: { role: 'deployment' } });
  await create('Repository', 'tagboat.dev/v1alpha1', 'm', { spec: { role: 'source' } });
  for (const digest of [first!, second!]) await commit('m-deployment', `digest: ${digest}\n`);
  await commit('m', `image: x@${source}\n`);
  await create('Experiment', 'tagboat.dev/v1alpha1', 'e', { spec: { modelDigest: recorded } });
  const run = (name: string, digest: Digest, status: object) =>
    create('PipelineRun', 'tekton.dev/v1', name, {
      spec: { params: [{ name: 'x', value: digest }] },
      status,
    });
  await run('running', running!, {});
  await run('ended', ended!, { completionTime: new Date(clock.now() - 200 * day).toISOString() });
  const { registry, problems } = await collection.run();
  expect(problems).toEqual([]);
  const kept = await Promise.all([first!, second!, recorded!, running!, source!].map(isKept));
  expect(kept).toEqual([true, true, true, true, true]);
  expect(await Promise.all([ended!, unused!, outcome!].map(isKept))).toEqual([false, false, false]);
  expect(await blobs.tags('demo/m')).toEqual([]);
  expect(registry).toMatchObject({ stored: { blobs: 5 }, removed: { manifests: 3, blobs: 3 } });
  const last = await collection.last();
  expect(last?.removedBytesInAll).toBe(registry?.removed.bytes);
  await collection.run();
  expect((await collection.last())?.removedBytesInAll).toBe(last?.removedBytesInAll);
});

it('removes nothing of the registry while nobody knows what was released', async () => {
  const unused = await push('unused');
  const url = 'https://git.example.com/m.git';
  await create('Repository', 'tagboat.dev/v1alpha1', 'm', { spec: { role: 'deployment', url } });
  expect((await collection.run()).problems).toEqual([
    `registry: the repository m (${url}) was not fetched yet (what was released is named in it)`,
  ]);
  expect(await isKept(unused)).toBe(true);
  await mkdir(hosting.path('demo', 'm'), { recursive: true });
  expect((await collection.run()).problems).toContainEqual(
    expect.stringMatching(/^registry: .*not a git repository/),
  );
  expect(await isKept(unused)).toBe(true);
});

it('keeps environments and images that something uses since before they were last asked for', async () => {
  const environments = join(home, 'environments');
  const [image, other] = ['a', 'b'].map((letter) => letter.repeat(64));
  for (const name of [image!, other!]) {
    await mkdir(join(environments, name), { recursive: true });
    await mkdir(join(home, 'images', name), { recursive: true });
  }
  const pod = await store.create<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'workbench', namespace: 'demo' },
    spec: {
      containers: [{ name: 'c', image: `127.0.0.1:1/x@sha256:${image}` }],
      volumes: [{ name: 'e', persistentVolumeClaim: { claimName: 'environments' } }],
    },
  });
  for (const name of [image!, other!])
    await utimes(join(environments, name), clock.now() / 1000, clock.now() / 1000);
  clock.advance(100 * day);
  await collection.run();
  expect(await readdir(environments)).toHaveLength(2);
  expect(await readdir(join(home, 'images'))).toEqual([image]);
  await store.delete({ type: kinds.Pod, namespace: 'demo', name: pod.metadata.name });
  expect(await collection.run()).toMatchObject({ environments: { removed: 2 }, images: { removed: 1 } });
});

it('removes the workspaces of runs that ended long ago, and none that another run goes on with', async () => {
  const run = (name: string, days: number | undefined, workspaces: object[] = []) =>
    create('PipelineRun', 'tekton.dev/v1', name, {
      spec: { workspaces },
      status: days === undefined ? {} : { completionTime: new Date(clock.now() - days * day).toISOString() },
    });
  const claim = async (owner: KubernetesObject) => {
    const { name } = owner.metadata;
    const metadata = { name, namespace: 'demo', ownerReferences: [ownedBy(owner)] };
    await store.create<PersistentVolumeClaim>({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata });
    await mkdir(join(home, 'volumes/claims/demo', name), { recursive: true });
    await writeFile(join(home, 'volumes/claims/demo', name, 'file'), 'x');
  };
  for (const [name, days] of [
    ['ended', 8],
    ['taken', 8],
    ['lately', 6],
    ['running', undefined],
  ] as const)
    await claim(await run(name, days));
  await run('rerun', undefined, [{ name: 'source', persistentVolumeClaim: { claimName: 'taken' } }]);
  await create('PersistentVolumeClaim', 'v1', 'own', {});
  const { workspaces } = await collection.run();
  expect(workspaces).toMatchObject({ kept: 3, removed: 1 });
  expect(workspaces?.bytes).toBeGreaterThan(0);
  const { items } = await store.list(kinds.PersistentVolumeClaim);
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['lately', 'own', 'running', 'taken']);
});

it('collects by itself', async () => {
  const unused = await push('unused');
  clock.advance(3600_000);
  await collection.run();
  expect(await isKept(unused)).toBe(false);
});
