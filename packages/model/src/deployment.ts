import { type KubernetesObject, keyOf, kinds, type Repository } from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { applicationFor, type Model } from '@tagboat/render';
import { createIfAbsent, mutate, type ResourceStore } from '@tagboat/store';

/** Name of the repository that a model is deployed from. */
export const deploymentRepositoryName = (model: string) => `${model}-deployment`;

/** Namespace of one environment of a project. */
export const environmentNamespace = (project: string, environment: string) => `${project}-${environment}`;

/** Makes what a model is deployed by: its deployment repository, and an Application per environment. */
export async function ensureDeployment(
  store: ResourceStore,
  model: Model,
  repositoryUrl: (project: string, name: string) => string,
): Promise<void> {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  const targets = model.spec?.deploy ?? [];
  if (targets.length === 0) return;
  const outside = targets.find(({ repo }) => repo !== undefined)?.repo;
  const repository: Repository = {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: {
      name: deploymentRepositoryName(name),
      namespace: project,
      labels: { 'tagboat.dev/model': name },
    },
    spec: { role: 'deployment', ...(outside ? { url: outside } : {}) },
  };
  await applied(store, repository);
  for (const target of targets) {
    const namespace = target.namespace ?? environmentNamespace(project, target.environment);
    await applied(
      store,
      applicationFor({
        project,
        model: name,
        environment: target.environment,
        namespace,
        repoUrl: target.repo ?? outside ?? repositoryUrl(project, deploymentRepositoryName(name)),
        ...(target.path ? { path: target.path } : {}),
      }),
    );
  }
}

async function applied(store: ResourceStore, wanted: KubernetesObject): Promise<void> {
  const type = wanted.kind === 'Repository' ? kinds.Repository : kinds.Application;
  const key = keyOf(type, wanted);
  const stored = await createIfAbsent(store, key, wanted);
  if (canonicalJson(stored.spec) === canonicalJson(wanted.spec)) return;
  await mutate<KubernetesObject>(store, key, (draft) => {
    draft.spec = wanted.spec;
  });
}
