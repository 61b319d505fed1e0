import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Commit, fetchMirror, lsRemote } from '@tagboat/git-client';
import { type ModelFile, type Release, readRelease } from '@tagboat/render';
import type { StepContext } from './context.ts';

export const deploymentBranch = 'main';

/** What is deployed now: production's release, else that of the first environment that has one. */
export async function deployedRelease(context: StepContext, model: ModelFile): Promise<Release | undefined> {
  const url = context.optional('TAGBOAT_DEPLOYMENT_URL');
  if (!url) return undefined;
  const credentials = await context.credentialsFor(url);
  const { refs } = await lsRemote(url, credentials);
  if (!refs[`refs/heads/${deploymentBranch}`]) return undefined;
  const directory = await mkdtemp(join(context.get('TAGBOAT_WORKSPACE'), 'deployment-'));
  try {
    const mirror = join(directory, 'repository.git');
    await fetchMirror(url, mirror, credentials);
    const head = await Commit.at(mirror, `refs/heads/${deploymentBranch}`);
    const names = model.spec.deploy.map(({ environment }) => environment);
    for (const environment of [...names].sort(
      (a, b) => Number(b === 'production') - Number(a === 'production'),
    )) {
      const release = await readRelease({ read: (path) => head.readText(path) }, environment);
      if (release) return release;
    }
    return undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
