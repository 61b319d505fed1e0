import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import type { StepContext } from './context.ts';
import { environmentFor } from './environment.ts';
import { runSaying, userEnvironment } from './execute.ts';

/** Builds the repository's Python package and uploads it with twine, to PyPI or to the index that is given. */
export async function publishPackage(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const environment = await environmentFor(context, {
    commit,
    directory: '.tagboat-none',
    extra: ['build', 'twine'],
  });
  const cwd = await context.directory('package');
  await commit.export(cwd);
  const env = {
    ...userEnvironment(context, cwd, environment.python),
    TWINE_USERNAME: context.get('TAGBOAT_PYPI_USERNAME'),
    TWINE_PASSWORD: context.get('TAGBOAT_PYPI_PASSWORD'),
    TWINE_NON_INTERACTIVE: '1',
    ...(context.optional('TAGBOAT_PYPI_URL')
      ? { TWINE_REPOSITORY_URL: context.get('TAGBOAT_PYPI_URL') }
      : {}),
  };
  const run = async (what: string, args: readonly string[]) => {
    const { code } = await runSaying(context, environment.python, args, { cwd, env });
    if (code !== 0)
      throw new TagboatError(`${what} failed; see above`, { reason: 'PublishFailed', retryable: false });
  };
  const formats = [
    ...(context.optional('TAGBOAT_SDIST') === 'false' ? [] : ['--sdist']),
    ...(context.optional('TAGBOAT_WHEEL') === 'false' ? [] : ['--wheel']),
  ];
  await run('building the package', ['-m', 'build', '--outdir', 'dist', ...formats]);
  // A file that is there already was uploaded by this run before it was ended.
  await run('uploading the package', ['-m', 'twine', 'upload', '--skip-existing', join('dist', '*')]);
}
