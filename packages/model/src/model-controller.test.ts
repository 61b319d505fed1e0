import { kinds, type Repository } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { type Model, readModelFile } from '@tagboat/render';
import { ObjectStore } from '@tagboat/store';
import { until } from '@tagboat/store/testing/until';
import { expect, test } from 'vitest';
import { modelController } from './model-controller.ts';

const file =
  'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: tiny }\nspec: { artifact: { path: m } }\n';
const key = { type: kinds.Repository, namespace: 'demo', name: 'tiny-deployment' };

test('a deployment repository that is deleted comes back', async () => {
  await using store = new ObjectStore({});
  const url = (project: string, name: string) => `http://here/${project}/${name}`;
  await using controller = modelController({
    store,
    clock: new ManualClock(),
    log: silentLogger,
    registry: 'r',
    repositoryUrl: url,
    deploymentUrl: (project, model) => url(project, `${model}-deployment`),
  });
  controller.start();
  await store.create<Model>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Model',
    metadata: { name: 'tiny', namespace: 'demo' },
    spec: { ...readModelFile(file)[0]!.spec, repository: 'tiny' },
  });
  const there = (differentFrom?: string) =>
    until(store, key.type, async () => {
      const found = await store.get<Repository>(key);
      return found?.metadata.uid !== differentFrom && found;
    });
  const first = await there();
  await store.delete(key);
  expect((await there(first.metadata.uid)).spec).toEqual({ role: 'deployment' });
});
