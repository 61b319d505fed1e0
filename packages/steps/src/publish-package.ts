import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, TagboatError } from '@tagboat/base';
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
  // Packages that the repository holds were built elsewhere.
  await rm(join(cwd, 'dist'), { recursive: true, force: true });
  const env = {
    ...userEnvironment(context, cwd, environment.python),
    TWINE_USERNAME: context.get('TAGBOAT_PYPI_USERNAME'),
    TWINE_PASSWORD: context.get('TAGBOAT_PYPI_PASSWORD'),
    TWINE_NON_INTERACTIVE: '1',
    // Messages are read below: they must not be broken into lines.
    COLUMNS: '1000',
    ...indexOf(context.optional('TAGBOAT_PYPI_URL')),
  };
  const python = (args: readonly string[]) => runSaying(context, environment.python, args, { cwd, env });
  const failed = (what: string) =>
    new TagboatError(`${what} failed; see above`, { reason: 'PublishFailed', retryable: false });
  const formats = [
    ...(context.optional('TAGBOAT_SDIST') === 'false' ? [] : ['--sdist']),
    ...(context.optional('TAGBOAT_WHEEL') === 'false' ? [] : ['--wheel']),
  ];
  const built = await python(['-m', 'build', '--outdir', 'dist', ...formats]);
  if (built.code !== 0) throw failed('building the package');
  for (const file of (await readdir(join(cwd, 'dist'))).sort()) {
    const { code, output } = await python([
      '-m',
      'twine',
      'upload',
      '--disable-progress-bar',
      join('dist', file),
    ]);
    // A file that is there already was uploaded by this run before it was ended. twine's own way to say so,
    // --skip-existing, is refused for every index but PyPI.
    if (code !== 0 && isThere(output)) context.say(`${file} is there already`);
    else if (code !== 0) throw failed(`uploading ${file}`);
  }
}

/** Whether an index refused a file because it has it, in the words of PyPI, Pulp, Nexus, Artifactory and devpi. */
export const isThere = (output: string): boolean =>
  /already exist|409\s+Conflict|file name has already been|does not allow updating assets|filename has already been taken/i.test(
    output,
  );

/** The settings of twine for an index; none for PyPI. @throws `Invalid` for what is no URL, such as the name of an index of a server that nobody here knows */
export function indexOf(url: string | undefined): Record<string, string> {
  if (!url) return {};
  if (!/^https?:\/\//.test(url))
    throw invalid(`expected the URL that packages are uploaded to, found "${url}"`, {
      hint: 'write it in package-upload.pulp-index of .aicoe-ci.yaml',
    });
  return { TWINE_REPOSITORY_URL: url };
}
