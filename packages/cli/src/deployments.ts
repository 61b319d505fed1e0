import { kinds, type Repository } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { type Credentials, type LogEntry, readBranch, readLog } from '@tagboat/git-client';
import {
  deploymentBranch,
  deploymentRepositoryName,
  type Model,
  type Release,
  type ReleasePlace,
  readReleases,
  releasedByAnnotation,
  releasePlace,
} from '@tagboat/render';
import { gitAccessTo } from './session.ts';

/** The deployment repository of a model, and how to reach it. */
export interface Deployment {
  readonly url: string;
  readonly access: { credentials?: Credentials };
  /** Newest first. */
  readonly log: readonly LogEntry[];
  /** Environment -> what is released there. */
  readonly releases: ReadonlyMap<string, Release>;
}

/** Where a model's deployment repository is. */
export async function deploymentUrlOf(client: Client, namespace: string, model: string): Promise<string> {
  const name = deploymentRepositoryName(model);
  const repository = await client.get<Repository>({ type: kinds.Repository, namespace, name });
  return repository?.status?.url ?? repository?.spec?.url ?? `${client.url}/git/${namespace}/${name}.git`;
}

/** Reads a model's deployment repository. @throws `NotFound` where nothing was released yet */
export async function readDeployment(client: Client, model: Model): Promise<Deployment> {
  const namespace = model.metadata.namespace ?? '';
  const name = deploymentRepositoryName(model.metadata.name);
  const repository = await client.get<Repository>({ type: kinds.Repository, namespace, name });
  const url = repository?.status?.url ?? repository?.spec?.url;
  const deployed = { name: model.metadata.name, spec: model.spec };
  const access = url ? await gitAccessTo(client, url) : {};
  const found =
    url &&
    (await readBranch({ url, branch: deploymentBranch, ...access }, async (head) => ({
      url,
      access,
      log: await readLog(head.repository, { revision: head.id }),
      releases: await readReleases({ read: (path) => head.readText(path) }, deployed),
    })));
  if (!found) throw notFound(`nothing of ${model.metadata.name} is released yet`, { hint: 'push a tag' });
  return found;
}

/** Has the platform look at a model's deployment repository now, where it is on another server. */
export async function lookNow(client: Client, model: Model, commit: string): Promise<void> {
  const { namespace = '', name } = model.metadata;
  const key = { type: kinds.Repository, namespace, name: deploymentRepositoryName(name) };
  const repository = await client.get<Repository>(key);
  if (repository?.spec?.url)
    await client.patch(key, { metadata: { annotations: { [releasedByAnnotation]: commit } } });
}

/** Where an environment of a model is released. @throws `Invalid` */
export function placeIn({ metadata, spec }: Model, environment: string): ReleasePlace {
  const target = spec?.deploy.find((found) => found.environment === environment);
  if (target) return releasePlace(metadata.name, target);
  throw invalid(`${metadata.name} has no environment "${environment}"`, {
    hint: `it has ${spec?.deploy.map((found) => found.environment).join(', ')}`,
  });
}

/** The release of an environment. @throws `NotFound` */
export function releaseIn(deployment: Deployment, environment: string): Release {
  const found = deployment.releases.get(environment);
  if (!found)
    throw notFound(`nothing is released in ${environment}`, {
      hint: `there are releases in ${[...deployment.releases.keys()].join(', ') || 'no environment'}`,
    });
  return found;
}
