import { type KubernetesObject, keyOf, kinds, type Repository } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
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
    const key = keyOf(kinds.Application, application);
    refuseOthers(await store.get(key), application);
    await applySpec(store, key, application);
  }
}

/**
 * Names of Applications are put together with dashes, which their parts may have too: model `b-c` of project `a` and `c` of
 * `a-b` have one. Whoever was first keeps it; two in turn would prune what the other deployed.
 */
function refuseOthers(standing: KubernetesObject | undefined, wanted: KubernetesObject): void {
  const labels = standing?.metadata.labels ?? {};
  const other = Object.entries(wanted.metadata.labels ?? {}).some(
    ([name, value]) => labels[name] !== undefined && labels[name] !== value,
  );
  if (!other) return;
  const [project, model] = ['project', 'model'].map((part) => labels[`tagboat.dev/${part}`]);
  throw new TagboatError(
    `the Application "${wanted.metadata.name}" is that of the model ${model} in the project ${project} already`,
    { reason: 'NameTaken', retryable: false, hint: 'rename the model or the environment in tagboat.yaml' },
  );
}
