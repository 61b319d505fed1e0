import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { notFound } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import {
  type Environment,
  type EnvironmentRequest,
  ensureEnvironment,
  findRequirementsFile,
} from '@tagboat/python';
import type { ModelFile, ModelSpec } from '@tagboat/render';
import type { StepContext } from './context.ts';
import { checkDeclaredFiles } from './declared-files.ts';
import { keepImportRoots } from './import-roots.ts';
import { lockFileName, pinnedEnvironment } from './lock-file.ts';
import { requirementFiles } from './requirement-files.ts';

/** Makes the environment of a model, or finds it. */
export async function environment(context: StepContext): Promise<void> {
  const commit = await context.commit({ exported: true });
  const model = await context.model(commit);
  await checkDeclaredFiles(commit, model);
  const made = await environmentFor(context, environmentOf(commit, model));
  await keepImportRoots(context, made.requirements.projects);
  await context.result('environment', made.key);
  await context.result('python', made.interpreter.version);
}

/** What a model asks of its environment. */
export const environmentOf = (commit: Commit, { name, spec }: ModelFile): FilesOfCommit => ({
  commit,
  directory: spec.context,
  file: spec.environment.file,
  python: spec.environment.python,
  extra: extraRequirements(spec),
  model: name,
});

/** What a model's environment needs besides its requirements. */
export function extraRequirements(spec: ModelSpec): string[] {
  const steps = [...(spec.train?.steps ?? []), ...(spec.evaluate ? [spec.evaluate.step] : [])];
  return [
    ...(steps.some(({ notebook }) => notebook !== undefined) ? ['ipykernel'] : []),
    ...(spec.serve?.format === 'sklearn' ? ['joblib', 'scikit-learn'] : []),
  ];
}

export interface FilesOfCommit {
  readonly commit: Commit;
  /** The model's directory in the repository. */
  readonly directory: string;
  readonly file?: string | undefined;
  readonly python?: string | undefined;
  readonly extra: readonly string[];
  /** Whose lock in `tagboat.lock` holds. */
  readonly model?: string | undefined;
}

/** The environment that files of a commit ask for. */
export async function environmentFor(context: StepContext, request: FilesOfCommit): Promise<Environment> {
  const made = await ensureEnvironment({
    ...(await requestOf(context, request)),
    environmentsDirectory: context.environments,
  });
  const packages = made.lock.split('\n').filter((line) => /^[A-Za-z0-9]/.test(line)).length;
  context.say(
    `${made.reused ? 'found' : 'made'} environment ${made.key.slice(0, 12)}: Python ${made.interpreter.version}, ${packages} packages${made.pinned ? `, as ${lockFileName} says` : ''}`,
  );
  return made;
}

/** What files of a commit ask of an environment. */
export async function requestOf(context: StepContext, request: FilesOfCommit): Promise<EnvironmentRequest> {
  // Tasks of one run ask at the same time.
  const root = await context.directory(join('requirements', randomUUID()));
  const { commit } = request;
  const paths = (await commit.files()).map(({ path }) => path);
  await commit.export(
    root,
    await requirementFiles(paths, request, async (path) => (await commit.readText(path)) ?? ''),
  );
  const directory = join(root, request.directory);
  await mkdir(directory, { recursive: true });
  const file = request.file ?? (await findRequirementsFile(directory)) ?? (await noRequirements(directory));
  await readFile(join(directory, file)).catch(() => {
    throw notFound(`${join(request.directory, file)} is not in the repository at this commit`, {
      hint: 'commit it, or correct environment.file in tagboat.yaml',
    });
  });
  const lockText = request.model ? await request.commit.readText(lockFileName) : undefined;
  const pinned = request.model ? pinnedEnvironment(lockText, request.model) : undefined;
  return {
    requirements: { directory, file },
    ...(request.python ? { python: request.python } : {}),
    ...(pinned ? { pinned } : {}),
    cacheDirectory: context.cache,
    extra: request.extra,
    env: context.environment,
    ...(context.signal ? { signal: context.signal } : {}),
    onProgress: ({ message }) => context.say(message),
  };
}

async function noRequirements(directory: string): Promise<string> {
  await writeFile(join(directory, 'requirements.txt'), '');
  return 'requirements.txt';
}
