import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '@tagboat/base';
import { type Environment, ensureEnvironment, findRequirementsFile, type PinnedLock } from '@tagboat/python';
import { type ModelFile, modelFileName, readModelFile } from '@tagboat/render';
import type { StepContext } from './context.ts';
import { extraRequirements } from './environment.ts';
import { lockFileName, pinnedEnvironment } from './lock-file.ts';

export interface KernelEnvironment {
  /** Of the kernelspec. */
  readonly name: string;
  /** What people see in the launcher, after the Python version. */
  readonly label: string;
  readonly environment: Environment;
  /** What notebooks of a model find their files by. */
  readonly variables: Readonly<Record<string, string>>;
}

const dataScience = ['ipykernel', 'ipywidgets', 'matplotlib', 'pandas', 'scikit-learn', 'scipy', 'seaborn'];

/** The environments that are made by themselves, by name. */
export const definitions: Readonly<Record<string, readonly string[]>> = {
  minimal: ['ipykernel', 'ipywidgets'],
  'data-science': dataScience,
  tensorflow: [...dataScience, 'tensorflow'],
  pytorch: [...dataScience, 'torch', 'torchvision'],
  spark: [...dataScience, 'pyspark'],
};

interface Workplace {
  /** The clone's directory below the home directory. */
  readonly repository: string | undefined;
  /** Makes an environment of these requirements. */
  readonly make: (lines: readonly string[], what: string) => Promise<Environment>;
}

/**
 * What the kernels of a workbench run in: one defined environment, or for `project` that of each of its models, the very
 * one that runs have.
 */
export async function kernelEnvironments(
  context: StepContext,
  { repository, make }: Workplace,
): Promise<KernelEnvironment[]> {
  const asked = context.optional('TAGBOAT_WORKBENCH_ENVIRONMENT') ?? 'minimal';
  if (asked === 'project' && repository) return projectEnvironments(context, repository);
  const wanted = asked === 'project' ? 'minimal' : asked;
  const lines = Object.hasOwn(definitions, wanted) ? definitions[wanted] : undefined;
  if (!lines)
    throw invalid(
      `there is no environment "${asked}"; there are ${Object.keys(definitions).join(', ')}, project`,
    );
  const label = asked === 'project' ? 'minimal' : asked;
  return [{ name: 'python3', label, environment: await make(lines, `the ${label} kernel`), variables: {} }];
}

async function projectEnvironments(context: StepContext, repository: string): Promise<KernelEnvironment[]> {
  const root = join(context.get('HOME'), repository);
  const text = await readFile(join(root, modelFileName), 'utf8').catch(() => undefined);
  const models = text === undefined ? [] : readModelFile(text, modelFileName);
  if (models.length === 0) {
    const environment = await projectEnvironment(context, { directory: root, extra: ['ipykernel'] });
    return [{ name: 'python3', label: repository, environment, variables: {} }];
  }
  const lockText = await readFile(join(root, lockFileName), 'utf8').catch(() => undefined);
  const made: KernelEnvironment[] = [];
  for (const [index, model] of models.entries()) {
    const directory = join(root, model.spec.context);
    made.push({
      name: index === 0 ? 'python3' : model.name,
      label: model.name,
      environment: await projectEnvironment(context, {
        directory,
        file: model.spec.environment.file,
        python: model.spec.environment.python,
        extra: [...new Set([...extraRequirements(model.spec), 'ipykernel'])],
        pinned: pinnedEnvironment(lockText, model.name),
      }),
      variables: modelVariables(model, directory),
    });
  }
  return made;
}

export interface ProjectEnvironment {
  /** The model's directory on disk. */
  readonly directory: string;
  readonly file?: string | undefined;
  readonly python?: string | undefined;
  readonly extra: readonly string[];
  readonly pinned?: PinnedLock | undefined;
}

/** The environment that files on disk ask for; of the same files it is the one that a run makes. */
export async function projectEnvironment(
  context: StepContext,
  { directory, file, python, extra, pinned }: ProjectEnvironment,
): Promise<Environment> {
  const found = file ?? (await findRequirementsFile(directory));
  const requirements = found
    ? { directory, file: found }
    : { directory, file: '', lines: [], constraints: [], options: [], projects: [], files: [] };
  context.say(`prepares the environment of ${found ?? 'a project without requirements'}`);
  return ensureEnvironment({
    requirements,
    ...(python ? { python } : {}),
    ...(pinned ? { pinned } : {}),
    environmentsDirectory: context.environments,
    cacheDirectory: context.cache,
    extra,
    env: context.environment,
    ...(context.signal ? { signal: context.signal } : {}),
    onProgress: ({ message }) => context.say(message),
  });
}

/** The variables that steps of a run find their files by, for the same files in a working copy. */
export function modelVariables({ spec }: ModelFile, directory: string): Record<string, string> {
  const data = spec.data.map(({ name, path }) => [
    `TAGBOAT_DATA_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`,
    join(directory, path),
  ]);
  return {
    ...Object.fromEntries(data),
    TAGBOAT_MODEL: join(directory, spec.artifact.path),
    ...(spec.evaluate ? { TAGBOAT_METRICS: join(directory, spec.evaluate.metrics) } : {}),
  };
}
