import { isReason } from '@tagboat/base';
import { readBranch } from '@tagboat/git-client';
import {
  deploymentBranch,
  deploymentRepositoryName,
  type ModelFile,
  type Release,
  readReleases,
  releaseFiles,
} from '@tagboat/render';
import type { StepContext } from './context.ts';

/** What is deployed now: production's release, else that of the first environment that has one. */
export async function deployedRelease(context: StepContext, model: ModelFile): Promise<Release | undefined> {
  const url = whereToRead(context, model.name);
  if (!url) return undefined;
  const source = {
    url,
    branch: deploymentBranch,
    depth: 1,
    ahead: releaseFiles(model),
    ...(await context.credentialsFor(url)),
  };
  const releases = await readBranch(source, (head) =>
    readReleases({ read: (path) => head.readText(path) }, model),
  ).catch((error: unknown) => {
    // Whoever only tries something may not have released anything yet.
    if (context.optional('TAGBOAT_KIND') === 'try' && isReason(error, 'NotFound')) return undefined;
    throw error;
  });
  return releases?.get('production') ?? releases?.values().next().value;
}

/**
 * Where the deployment repository can be read. One that is on another server is read from the platform's clone of it: the
 * code of the user, beside which this runs, could read a login of that server.
 */
function whereToRead(context: StepContext, model: string): string | undefined {
  const url = context.optional('TAGBOAT_DEPLOYMENT_URL');
  const platform = context.optional('TAGBOAT_URL');
  if (!url || !platform || context.isPlatform(URL.parse(url)?.host ?? '')) return url;
  return `${platform}/git/${context.get('TAGBOAT_PROJECT')}/${deploymentRepositoryName(model)}.git`;
}
