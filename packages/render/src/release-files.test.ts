import { describeError } from '@tagboat/base';
import { expect, test } from 'vitest';
import type { Release } from './deployment.ts';
import { readModelFile } from './model-file.ts';
import type { ModelSpec } from './model-spec.ts';
import { pinRelease, readRelease, readReleases, releasePlace, scaffoldDeployment } from './release-files.ts';

class Files extends Map<string, string> {
  async read(path: string) {
    return this.get(path);
  }
  async write(path: string, content: string) {
    this.set(path, content);
  }
}

const specOf = (more = ''): ModelSpec =>
  readModelFile(
    `apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec:\n  artifact: { path: a }\n${more}`,
    'tagboat.yaml',
  )[0]!.spec;

const release: Release = {
  model: 'm',
  project: 'p',
  image: 'r/p/m',
  imageDigest: 'sha256:1',
  modelDigest: 'sha256:2',
  tag: 'v1',
  commit: 'c',
  run: 'run',
  metrics: '{}',
  data: '{}',
  serve: { replicas: 2, resources: { memory: '1Gi' }, scraped: true },
};
const staging = releasePlace('m', { environment: 'staging' });
const overlay = 'overlays/staging/kustomization.yaml';

async function scaffolded(): Promise<Files> {
  const files = new Files();
  await scaffoldDeployment(files, 'm', specOf());
  return files;
}

test('a release is read as it was written, also into another environment', async () => {
  const files = await scaffolded();
  expect(await readReleases(files, { name: 'm', spec: specOf() })).toEqual(new Map());
  await pinRelease(files, staging, release);
  expect(await readRelease(files, staging)).toEqual(release);
  expect(files.get(overlay)).toContain('../../base');
  expect(files.get('overlays/production/kustomization.yaml')).toContain('resources: []');
});

test('what the base is edited to stays, and how a model is served belongs to the environment', async () => {
  const files = await scaffolded();
  const edited = `${files.get('base/inferenceservice.yaml')}# by hand\n`;
  files.set('base/inferenceservice.yaml', edited);
  await scaffoldDeployment(files, 'm', specOf('  serve: { format: sklearn, replicas: 5 }\n'));
  await pinRelease(files, staging, release);
  expect(files.get('base/inferenceservice.yaml')).toBe(edited);
  expect(files.get('overlays/staging/serve.yaml')).toContain('value: 2');
  expect(files.has('overlays/production/serve.yaml')).toBe(false);
});

test('patches and comments of the team stay as they were written, and have the last word', async () => {
  const files = await scaffolded();
  files.set(
    overlay,
    '# ours\nresources:\n- ../../base # the base\npatches:\n- path: release.yaml\n- path: replicas.yaml # more of them\nimages:\n- {name: other, newTag: "1"}\n',
  );
  await pinRelease(files, staging, release);
  await pinRelease(files, staging, { ...release, tag: 'v2', imageDigest: 'sha256:3' });
  expect(files.get(overlay)).toBe(
    '# ours\nresources:\n- ../../base # the base\npatches:\n- path: release.yaml\n- path: serve.yaml\n  target:\n    kind: InferenceService\n    name: m\n- path: replicas.yaml # more of them\nimages:\n- {name: other, newTag: "1"}\n- name: m\n  newName: r/p/m\n  digest: sha256:3\n',
  );
});

test('in a directory of the team its image entry changes, and nothing is made beside it', async () => {
  const place = releasePlace('m', { environment: 'staging', path: 'apps/m/test/', image: 'registry/old' });
  const files = new Files();
  files.set(
    'apps/m/test/kustomization.yml',
    'resources:\n  - deployment.yaml\nimages:\n  - name: registry/old # ours\n    newTag: v0\n',
  );
  await scaffoldDeployment(files, 'm', specOf('  deploy: [{ environment: staging, path: apps/m/test }]\n'));
  await pinRelease(files, place, release);
  expect(files.get('apps/m/test/kustomization.yml')).toBe(
    'resources:\n  - deployment.yaml\nimages:\n  - name: registry/old # ours\n    newName: r/p/m\n    digest: sha256:1\n',
  );
  expect([...files.keys()]).toEqual(['apps/m/test/kustomization.yml', 'apps/m/test/release.yaml']);
  expect((await readRelease(files, place))?.tag).toBe('v1');
  const missing = releasePlace('m', { environment: 'staging', path: 'nowhere' });
  await expect(pinRelease(files, missing, release)).rejects.toThrow(/no kustomization.yaml in nowhere/);
});

test.each([
  ['resources:\n  - ../../base\n - bad\n', /overlays\/staging\/kustomization.yaml:3:/],
  ['resources: ../../base\n', /overlays\/staging\/kustomization.yaml:1:\d+: expected a list in resources/],
])('what cannot be read is told with its place, and left as it is: %j', async (text, message) => {
  const files = await scaffolded();
  files.set(overlay, text);
  const told = (work: Promise<unknown>) => work.then(String, describeError);
  expect(await told(pinRelease(files, staging, release))).toMatch(message);
  expect(await told(readReleases(files, { name: 'm', spec: specOf() }))).toMatch(message);
  expect(files.get(overlay)).toBe(text);
});
