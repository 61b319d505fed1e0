import { keyOf, kinds, type Repository } from '@tagboat/api';
import {
  applicationFor,
  deploymentRepositoryName,
  environmentNamespace,
  type Model,
  outsideDeployment,
  runLabels,
} from '@tagboat/render';
import { applySpec, type ResourceStore } from '@tagboat/store';

/** Makes what a model is deployed by: its deployment repository, and an Application per environment. */
export async function ensureDeployment(
  store: ResourceStore,
  model: Model,
  urls: {
    readonly repositoryUrl: (project: string, name: string) => string;
    readonly deploymentUrl: (project: string, model: string) => string;
  },
): Promise<void> {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  const targets = model.spec?.deploy ?? [];
  if (targets.length === 0) return;
  const url = outsideDeployment(model.spec) ?? urls.deploymentUrl(project, name);
  const isHere = url === urls.repositoryUrl(project, deploymentRepositoryName(name));
  const repository: Repository = {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: {
      name: deploymentRepositoryName(name),
      namespace: project,
      labels: { [runLabels.model]: name },
    },
    spec: { role: 'deployment', ...(isHere ? {} : { url }) },
  };
  await applySpec(store, keyOf(kinds.Repository, repository), repository);
  for (const target of targets) {
    const application = applicationFor({
      project,
      model: name,
      environment: target.environment,
      namespace: environmentNamespace(project, target),
      repoUrl: target.repo ?? url,
      ...(target.path ? { path: target.path } : {}),
    });
    await applySpec(store, keyOf(kinds.Application, application), application);
  }
}
