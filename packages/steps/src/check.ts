import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { parseNotebook } from '@tagboat/notebooks';
import { type ModelFile, modelFileName, readModelFile } from '@tagboat/render';
import type { StepContext } from './context.ts';
import { checkDeclaredFiles } from './declared-files.ts';
import { environmentFor } from './environment.ts';
import { runSaying, userEnvironment } from './execute.ts';

/** Reads the configuration and every notebook, and runs the tests. */
export async function check(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const text = await commit.readText(modelFileName);
  const models = text === undefined ? [] : readModelFile(text, modelFileName);
  for (const model of models) await checkDeclaredFiles(commit, model);
  const files = (await commit.files()).map(({ path }) => path);
  const notebooks = files.filter((path) => path.endsWith('.ipynb'));
  for (const path of notebooks) parseNotebook((await commit.readText(path)) ?? '', path);
  const said = [
    models.length > 0 ? `${modelFileName} declares ${models.map(({ name }) => name).join(', ')}` : '',
    `${notebooks.length} notebooks parse`,
  ].filter(Boolean);
  for (const line of said) context.say(line);
  const tests = files.filter((path) => /(^|\/)(test_[^/]*|[^/]*_test)\.py$/.test(path));
  said.push(...(await testAll(context, { commit, tests, models })));
  await context.result('summary', said.join('; '));
}

/** Runs the tests of each model's directory in the environment of that model. @returns what came of each */
async function testAll(
  context: StepContext,
  { commit, tests, models }: { commit: Commit; tests: readonly string[]; models: readonly ModelFile[] },
): Promise<string[]> {
  if (tests.length === 0) return ['there are no tests'];
  const groups = testsByDirectory(
    tests,
    models.map(({ spec }) => spec.context),
  );
  const outcomes: string[] = [];
  for (const [directory, own] of groups) {
    if (directory === undefined) {
      outcomes.push(`${own.length} test files outside the models' directories were not run`);
      context.say(`not run, since they belong to no model: ${own.join(', ')}`);
      continue;
    }
    const model = models.find(({ spec }) => spec.context === directory);
    const others = [...groups.keys()].filter((other) => other !== undefined && other !== directory);
    const outcome = await runTests(context, { commit, tests: own, model, others: others as string[] });
    outcomes.push(groups.size > 1 ? `${directory}: ${outcome}` : outcome);
  }
  return outcomes;
}

/** Test files by the nearest of the directories above them; undefined: those below none. Without directories: all by `.`. */
export function testsByDirectory(
  tests: readonly string[],
  directories: readonly string[],
): Map<string | undefined, string[]> {
  const depth = (directory: string) => (directory === '.' ? 0 : directory.length);
  const known =
    directories.length > 0 ? [...new Set(directories)].sort((a, b) => depth(b) - depth(a)) : ['.'];
  return Map.groupBy(tests, (path) => known.find((one) => one === '.' || path.startsWith(`${one}/`)));
}

async function runTests(
  context: StepContext,
  {
    commit,
    tests,
    model,
    others,
  }: {
    commit: Commit;
    tests: readonly string[];
    model: ModelFile | undefined;
    /** Directories of other models, whose tests are run by themselves. */
    others: readonly string[];
  },
): Promise<string> {
  const sources = await Promise.all(tests.map(async (path) => (await commit.readText(path)) ?? ''));
  const needsPytest = sources.some((source) => /^\s*(import|from) pytest\b|^def test_/m.test(source));
  const environment = await environmentFor(context, {
    commit,
    directory: model?.spec.context ?? '.',
    file: model?.spec.environment.file,
    python: model?.spec.environment.python,
    extra: needsPytest ? ['pytest'] : [],
  });
  const roots = environment.requirements.projects.map(({ importRoot }) => importRoot);
  const root = await context.directory('tests');
  await commit.export(root);
  const cwd = join(root, model?.spec.context ?? '.');
  const args = needsPytest
    ? ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', ...others.map((one) => `--ignore=${join(root, one)}`)]
    : ['-m', 'unittest', 'discover', '-s', existsSync(join(cwd, 'tests')) ? 'tests' : '.'];
  const { code, output } = await runSaying(context, environment.python, args, {
    cwd,
    env: {
      ...userEnvironment(context, cwd, environment.python),
      PYTHONPATH: [cwd, join(cwd, 'src'), ...roots.map((one) => join(cwd, one))].join(':'),
    },
  });
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  // pytest's code 5: it found no tests.
  if (code !== 0 && !(needsPytest && code === 5))
    throw new TagboatError(`the tests failed: ${last}`, { reason: 'TestsFailed', retryable: false });
  return last;
}
