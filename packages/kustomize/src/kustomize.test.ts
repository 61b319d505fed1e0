import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type KubernetesObject, parseManifests } from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderKustomization, strategicMergePatch } from './index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-kustomize-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { a: b } }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: c
          image: nginx:1
          env: [{ name: A, value: "1" }]
          envFrom: [{ configMapRef: { name: settings } }]
      volumes: [{ name: s, secret: { secretName: keys } }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: { name: m }
spec: { predictor: { containers: [{ name: kserve-container, image: m }] } }
`;
const base = {
  'base/kustomization.yaml':
    'resources: [all.yaml]\nconfigMapGenerator:\n  - { name: settings, literals: [a=1, "b=<x>&"] }\nsecretGenerator:\n  - { name: keys, literals: [k=v] }\n',
  'base/all.yaml': deployment,
};
const overlay = `namespace: prod
namePrefix: p-
resources: [../../base]
commonAnnotations: { note: x }
labels: [{ pairs: { team: t }, includeSelectors: true }]
images:
  - { name: nginx, newTag: "2" }
  - { name: m, newName: host:1/m, digest: "sha256:${'a'.repeat(64)}" }
replicas: [{ name: web, count: 3 }]
patches:
  - path: patch.yaml
  - target: { kind: Service }
    patch: |-
      - op: replace
        path: /spec/ports/0/port
        value: 81
`;
const patch = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { template: { spec: { containers: [{ name: c, env: [{ name: B, value: "2" }] }] } } }
`;
const files = { ...base, 'overlays/prod/kustomization.yaml': overlay, 'overlays/prod/patch.yaml': patch };

function kubectl(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const identify = (object: KubernetesObject) => `${object.kind}/${object.metadata.name}`;
const sorted = (objects: readonly KubernetesObject[]) =>
  [...objects]
    .sort((a, b) => identify(a).localeCompare(identify(b)))
    .map((object) => JSON.parse(canonicalJson(object)) as KubernetesObject);

describe('renderKustomization', () => {
  it.skipIf(!kubectl())('gives what kubectl kustomize gives (needs kubectl)', async () => {
    await put(files);
    const ours = await renderKustomization(join(directory, 'overlays/prod'), directory);
    const text = execFileSync('kubectl', ['kustomize', join(directory, 'overlays/prod')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(sorted(ours)).toEqual(sorted(parseManifests(text, 'kubectl')));
  });

  it('renders overlays over a base', async () => {
    await put(files);
    const objects = await renderKustomization(join(directory, 'overlays/prod'), directory);
    const service = objects.find(({ kind }) => kind === 'InferenceService');
    expect(service?.metadata).toMatchObject({ name: 'p-m', namespace: 'prod', annotations: { note: 'x' } });
    expect(JSON.stringify(service?.spec)).toContain(`host:1/m@sha256:${'a'.repeat(64)}`);
  });

  it('follows no link out of its repository', async () => {
    await put({
      'secret.txt': 'not of the repository',
      'repo/a/kustomization.yaml': 'configMapGenerator: [{ name: x, files: [stolen] }]\n',
      'repo/b/kustomization.yaml': 'resources: [elsewhere]\n',
      'repo/c/kustomization.yaml': 'configMapGenerator: [{ name: x, files: [kept] }]\n',
      'repo/c/file.txt': 'of the repository',
      'outside/kustomization.yaml': 'resources: []\n',
    });
    const root = join(directory, 'repo');
    await symlink('../../secret.txt', join(root, 'a/stolen'));
    await symlink('../../outside', join(root, 'b/elsewhere'));
    await symlink('../outside/kustomization.yaml', join(root, 'kustomization.yaml'));
    await symlink('file.txt', join(root, 'c/kept'));
    for (const place of [join(root, 'a'), join(root, 'b'), root])
      await expect(renderKustomization(place, root)).rejects.toThrow(/outside the repository/);
    expect(await renderKustomization(join(root, 'c'), root)).toMatchObject([
      { data: { kept: 'of the repository' } },
    ]);
  });

  it('stays inside its repository and says what it cannot do', async () => {
    await put({ 'o/kustomization.yaml': 'resources: [../../../etc]\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toThrow(
      /outside the repository/,
    );
    await put({ 'o/kustomization.yaml': 'resources: []\nhelmCharts: []\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toMatchObject({
      location: { file: 'o/kustomization.yaml', line: 2 },
    });
    await put({ 'o/kustomization.yaml': 'resources: [https://github.com/x/y]\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toThrow(
      /fetched from elsewhere/,
    );
    await put({ 'o/kustomization.yaml': 'resources: [../o]\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toThrow(/circle/);
  });
});

describe('strategicMergePatch', () => {
  it('merges by key, deletes and replaces', () => {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      spec: { containers: [{ name: 'a', image: 'x' }, { name: 'b' }] },
    };
    const result = strategicMergePatch(object, {
      spec: {
        containers: [
          { name: 'a', image: 'y' },
          { name: 'b', $patch: 'delete' },
        ],
      },
    });
    expect(result.spec.containers).toEqual([{ name: 'a', image: 'y' }]);
  });
});
