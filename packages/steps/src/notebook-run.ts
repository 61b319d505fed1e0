import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { type Digest, notFound } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { fileDigest } from '@tagboat/oci';
import { runCommand } from '@tagboat/process';
import type { Environment } from '@tagboat/python';
import { type ModelFile, modelFileName, readModelFile, stepInputs, type TrainStep } from '@tagboat/render';
import type { StepContext } from './context.ts';
import { pinData } from './data.ts';
import { environmentFor, extraRequirements } from './environment.ts';
import { execute } from './execute.ts';
import { inputFiles, materialise } from './inputs.ts';
import { inContext } from './model-paths.ts';
import { dataVariables } from './train.ts';

export interface NotebookTask {
  readonly commit: Commit;
  /** A path of the repository. */
  readonly notebook: string;
}

export interface NotebookOutcome {
  /** The model file, where the notebook wrote it. */
  readonly artifact?: { readonly path: string; readonly digest: Digest; readonly size: number };
}

/** A notebook in the environment and with the files that it has in a run. */
export interface PreparedNotebook {
  readonly environment: Environment;
  readonly model: ModelFile | undefined;
  /** The directory that it runs in. */
  readonly workdir: string;
  /**
   * Runs what the model's training does before it, then the notebook.
   * @param parameters besides those that tagboat.yaml gives; undefined: none at all
   */
  run(
    parameters: Readonly<Record<string, unknown>> | undefined,
    outputPath: string,
  ): Promise<NotebookOutcome>;
}

/**
 * Prepares a notebook as a run of this commit would: the model's environment, its declared inputs and its data, in a
 * directory of their own. A notebook that no model names gets every tracked file and the repository's requirements.
 */
export async function prepareNotebook(context: StepContext, task: NotebookTask): Promise<PreparedNotebook> {
  const { commit, notebook } = task;
  const model = await modelOf(commit, notebook);
  const environment = await environmentFor(context, {
    commit,
    directory: model?.spec.context ?? '.',
    file: model?.spec.environment.file,
    python: model?.spec.environment.python,
    extra: [...new Set([...(model ? extraRequirements(model.spec) : []), 'ipykernel'])],
    model: model?.name,
  });
  const steps = model ? stepsUntil(model, notebook) : [];
  const data = model ? await pinData(context, commit, model) : [];
  const all = await commit.files();
  const files = model
    ? await inputFiles(commit, model, steps)
    : all.filter(({ path }) => path === notebook || stepInputs([path], undefined).length > 0);
  const workdir = model
    ? await materialise(context, { commit, model, files, data, name: 'work' })
    : await exported(context, commit, files);
  const seen = new Set(files.map(({ path }) => path));
  const undeclared = new Set(all.map(({ path }) => path).filter((path) => !seen.has(path)));
  const artifact = model && join(workdir, model.spec.artifact.path);
  if (artifact) await mkdir(dirname(artifact), { recursive: true });
  const variables = { ...dataVariables(data, workdir), ...(artifact ? { TAGBOAT_MODEL: artifact } : {}) };
  const own: TrainStep = steps.at(-1) ?? { notebook, parameters: {} };
  return {
    environment,
    model,
    workdir,
    async run(parameters, outputPath) {
      const notebooks = await context.directory('notebooks');
      const wanted = join(notebooks, 'wanted');
      const last = { ...own, parameters: parameters ? { ...own.parameters, ...parameters } : {} };
      try {
        for (const step of [...steps.slice(0, -1), last])
          await execute(context, {
            step,
            workdir,
            python: environment.python,
            notebooks: step === last ? wanted : notebooks,
            undeclared,
            variables: { ...variables, TAGBOAT_PARAMETERS: JSON.stringify(step.parameters) },
          });
      } finally {
        await keepExecuted(wanted, basename(notebook), outputPath);
      }
      return artifact ? outcomeOf(artifact, model.spec.artifact.path) : {};
    },
  };
}

/** The executed notebook, where it came so far, and beside it the files with what was too large for it. */
async function keepExecuted(directory: string, name: string, outputPath: string): Promise<void> {
  const names: string[] = await readdir(directory).catch(() => []);
  if (names.includes(name)) await copyFile(join(directory, name), outputPath);
  const large = names.filter((other) => other.startsWith(`${basename(name, '.ipynb')}.cell-`));
  for (const other of large) await copyFile(join(directory, other), join(dirname(outputPath), other));
}

async function modelOf(commit: Commit, notebook: string): Promise<ModelFile | undefined> {
  const text = await commit.readText(modelFileName);
  const models = text === undefined ? [] : readModelFile(text, modelFileName);
  return models.find((model) =>
    (model.spec.train?.steps ?? []).some(
      (step) => step.notebook !== undefined && inContext(model, step.notebook) === notebook,
    ),
  );
}

function stepsUntil(model: ModelFile, notebook: string): TrainStep[] {
  const steps = model.spec.train?.steps ?? [];
  const at = steps.findIndex((step) => step.notebook && inContext(model, step.notebook) === notebook);
  return steps.slice(0, at + 1);
}

async function exported(
  context: StepContext,
  commit: Commit,
  files: readonly { path: string }[],
): Promise<string> {
  const root = await context.directory('work');
  await commit.export(
    root,
    files.map(({ path }) => posix.normalize(path)),
  );
  return root;
}

async function outcomeOf(file: string, path: string): Promise<NotebookOutcome> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return {};
  return { artifact: { path, digest: await fileDigest(file), size: found.size } };
}

const finder = `
import importlib.util, json, sys
names = json.load(sys.stdin)
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
print(json.dumps([name for name in names if not there(name)]))
`;

/** Which of these modules neither an environment nor the directories given have. */
export async function missingModules(
  python: string,
  names: readonly string[],
  directories: readonly string[],
): Promise<Set<string>> {
  const { code, stdout, stderr } = await runCommand(python, ['-c', finder], {
    stdin: JSON.stringify(names),
    cwd: directories[0] ?? '/',
    env: { ...process.env, PYTHONPATH: directories.join(':'), PYTHONDONTWRITEBYTECODE: '1' },
  });
  if (code !== 0) throw notFound(`the environment's Python does not run: ${stderr.trim()}`);
  return new Set(JSON.parse(stdout.toString('utf8')) as string[]);
}
