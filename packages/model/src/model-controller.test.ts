import { findCondition, kinds, type Repository } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { type Model, readModelFile, retrainAnnotation, runAnnotations } from '@tagboat/render';
import { mutate, ObjectStore } from '@tagboat/store';
import { until } from '@tagboat/store/testing/until';
import { expect, test } from 'vitest';
import { modelController } from './model-controller.ts';

const file =
  'apiVersion: tagboat.dev/v1alpha1\nkind: Model\nmetadata: { name: tiny }\nspec: { artifact: { path: m } }\n';
const key = { type: kinds.Repository, namespace: 'demo', name: 'tiny-deployment' };

const url = (project: string, name: string) => `http://here/${project}/${name}`;
const controllerOf = (store: ObjectStore) =>
  modelController({
    store,
    clock: new ManualClock(),
    log: silentLogger,
    registry: 'r',
    repositoryUrl: url,
    deploymentUrl: (project, model) => url(project, `${model}-deployment`),
  });
const declare = (store: ObjectStore, namespace: string, name: string, annotations = {}) =>
  store.create<Model>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Model',
    metadata: { name, namespace, annotations },
    spec: { ...readModelFile(file.replace('tiny', name))[0]!.spec, repository: name },
  });

test('a model whose Application has the name of another one leaves that alone, and says so', async () => {
  await using store = new ObjectStore({});
  await using controller = controllerOf(store);
  controller.start();
  const application = { type: kinds.Application, namespace: 'argocd', name: 'demo-flaky-tests-staging' };
  await declare(store, 'demo', 'flaky-tests');
  const first = await until(store, application.type, () => store.get(application));
  await declare(store, 'demo-flaky', 'tests');
  const second = { type: kinds.Model, namespace: 'demo-flaky', name: 'tests' };
  const condition = await until(store, kinds.Model, async () =>
    findCondition((await store.get<Model>(second))?.status?.conditions, 'Deployable'),
  );
  expect(condition).toMatchObject({
    status: 'False',
    reason: 'NameTaken',
    message: expect.stringContaining('the model flaky-tests in the project demo'),
  });
  expect(await store.get(application)).toEqual(first);
});

test('a request to retrain waits until the repository has a commit', async () => {
  await using store = new ObjectStore({});
  await using controller = controllerOf(store);
  controller.start();
  await declare(store, 'demo', 'tiny', { [retrainAnnotation]: 'now' });
  await until(store, key.type, () => store.get<Repository>(key));
  await store.create<Repository>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: { name: 'tiny', namespace: 'demo' },
    spec: { role: 'source' },
    status: { defaultBranch: 'main', refs: { 'refs/heads/main': 'a'.repeat(40) } },
  });
  const model = { type: kinds.Model, namespace: 'demo', name: 'tiny' };
  // As triggers do once they read the commit.
  await mutate<Model>(store, model, (draft) => {
    draft.metadata.labels = { seen: 'a' };
  });
  const run = await until(
    store,
    kinds.PipelineRun,
    async () => (await store.list(kinds.PipelineRun)).items[0],
  );
  expect(run.metadata.annotations?.[runAnnotations.requested]).toBe('now');
});

test('a deployment repository that is deleted comes back', async () => {
  await using store = new ObjectStore({});
  await using controller = controllerOf(store);
  controller.start();
  await declare(store, 'demo', 'tiny');
  const there = (differentFrom?: string) =>
    until(store, key.type, async () => {
      const found = await store.get<Repository>(key);
      return found?.metadata.uid !== differentFrom && found;
    });
  const first = await there();
  await store.delete(key);
  expect((await there(first.metadata.uid)).spec).toEqual({ role: 'deployment' });
});
