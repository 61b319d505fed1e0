import { fetchMirror } from '@tagboat/git-client';
import type { StepContext } from './context.ts';

/** Fetches the repository into the workspace, bare; later steps take their files from it. */
export async function clone(context: StepContext): Promise<void> {
  const url = context.get('TAGBOAT_REPOSITORY_URL');
  await fetchMirror(url, context.repository, await context.credentialsFor(url));
  const commit = await context.commit();
  const [subject] = (await commit.message()).split('\n');
  context.say(`${commit.id.slice(0, 10)} ${subject}`);
  await context.result('commit', commit.id);
}
