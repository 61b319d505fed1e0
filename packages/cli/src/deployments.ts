import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Repository } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { Commit, type Credentials, fetchMirror, type LogEntry, lsRemote, readLog } from '@tagboat/git-client';
import { type Model, type Release, readRelease } from '@tagboat/render';
import { gitAccess } from './session.ts';

export const deploymentBranch = 'main';

/** The deployment repository of a model, and how to reach it. */
export interface Deployment {
  readonly url: string;
  readonly access: { credentials?: Credentials };
  /** Newest first. */
  readonly log: readonly LogEntry[];
  /** Environment -> what is released there. */
  readonly releases: ReadonlyMap<string, Release>;
}

/** Reads a model's deployment repository. @throws `NotFound` where nothing was released yet */
export async function readDeployment(client: Client, model: Model): Promise<Deployment> {
  const namespace = model.metadata.namespace ?? '';
  const name = `${model.metadata.name}-deployment`;
  const repository = await client.get<Repository>({ type: kinds.Repository, namespace, name });
  const url = repository?.status?.url ?? repository?.spec?.url;
  const nothing = notFound(`nothing of ${model.metadata.name} is released yet`, { hint: 'push a tag' });
  if (!url) throw nothing;
  const access = url.startsWith(client.url) ? gitAccess(client) : {};
  const { refs } = await lsRemote(url, access);
  if (!refs[`refs/heads/${deploymentBranch}`]) throw nothing;
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-'));
  try {
    const mirror = join(directory, 'repository.git');
    await fetchMirror(url, mirror, access);
    const head = await Commit.at(mirror, `refs/heads/${deploymentBranch}`);
    const releases = new Map<string, Release>();
    for (const { environment } of model.spec?.deploy ?? []) {
      const release = await readRelease({ read: (path) => head.readText(path) }, environment);
      if (release) releases.set(environment, release);
    }
    return { url, access, log: await readLog(mirror, { revision: head.id }), releases };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
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
