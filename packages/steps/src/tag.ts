import { isReason } from '@tagboat/base';
import { git, lsRemote } from '@tagboat/git-client';
import { nextTag } from '@tagboat/render';
import type { StepContext } from './context.ts';

/** Tags the candidate of this run and moves the branch to it, both or neither. */
export async function tag(context: StepContext): Promise<void> {
  const url = context.get('TAGBOAT_REPOSITORY_URL');
  const commit = await context.commit();
  const branch = context.get('TAGBOAT_BRANCH');
  const credentials = await context.credentialsFor(url);
  for (;;) {
    const { refs } = await lsRemote(url, credentials);
    const tags = Object.entries(refs).flatMap(([ref, id]) =>
      ref.startsWith('refs/tags/') ? [[ref.slice('refs/tags/'.length), id] as const] : [],
    );
    const done = tags.find(([, id]) => id === commit.id);
    if (done) return finish(context, done[0], 'Tagged');
    const wanted = context.optional('TAGBOAT_TAG_NAME') ?? 'v0.1.0';
    const prefix = wanted.includes('@') ? `${wanted.split('@')[0]}@` : '';
    const name = tags.some(([known]) => known === wanted)
      ? nextTag(
          tags.map(([known]) => known),
          prefix,
        )
      : wanted;
    const targets = [`${commit.id}:refs/heads/${branch}`, `${commit.id}:refs/tags/${name}`];
    try {
      await git(['push', '--quiet', '--atomic', '--', url, ...targets], {
        cwd: context.repository,
        ...credentials,
      });
      return await finish(context, name, 'Tagged');
    } catch (error) {
      if (isReason(error, 'Unauthorized')) return finish(context, '', 'Proposed');
      if (!isReason(error, 'Conflict')) throw error;
      const now = await lsRemote(url, credentials);
      if (now.refs[`refs/tags/${name}`] && now.refs[`refs/heads/${branch}`] === refs[`refs/heads/${branch}`])
        continue;
      return finish(context, '', 'Moved');
    }
  }
}

async function finish(
  context: StepContext,
  name: string,
  outcome: 'Tagged' | 'Moved' | 'Proposed',
): Promise<void> {
  const sentences = {
    Tagged: `tagged ${name}`,
    Moved: 'the branch moved meanwhile: the candidate is dropped, and retraining starts over from there',
    Proposed:
      'the candidate passed, but there is no right to push to this repository: merge and tag its commit',
  };
  context.say(sentences[outcome]);
  await context.result('tag', name);
  await context.result('outcome', outcome);
}
