import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import type { StepContext } from './context.ts';
import { environmentFor } from './environment.ts';
import { runSaying, userEnvironment } from './execute.ts';

/** Runs the repository's pre-commit hooks on all files, as `pre-commit run --all-files` does in a clone. */
export async function preCommit(context: StepContext): Promise<void> {
  const commit = await context.commit();
  if (!(await commit.exists('.pre-commit-config.yaml'))) {
    context.say('there is no .pre-commit-config.yaml: nothing to check');
    return;
  }
  const environment = await environmentFor(context, {
    commit,
    // A directory that no repository has: the hooks bring what they need, and nothing of the project's.
    directory: '.tagboat-none',
    extra: ['pre-commit'],
  });
  const root = await context.directory('pre-commit');
  await git(['clone', '--quiet', '--', context.repository, root]);
  await git(['checkout', '--quiet', '--detach', commit.id], { cwd: root });
  const { code } = await runSaying(context, environment.python, ['-m', 'pre_commit', 'run', '--all-files'], {
    cwd: root,
    env: {
      ...userEnvironment(context, root, environment.python),
      PRE_COMMIT_HOME: join(context.cache, 'pre-commit'),
      PRE_COMMIT_COLOR: 'never',
    },
  });
  if (code !== 0)
    throw new TagboatError('pre-commit found something; see above', {
      reason: 'ChecksFailed',
      retryable: false,
      hint: 'run: pre-commit run --all-files',
    });
}
