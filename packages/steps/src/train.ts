import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describeError, invalid, notFound } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { pushArtifact } from '@tagboat/oci';
import { type ModelFile, referenceFileName, type TrainStep } from '@tagboat/render';
import { recall, remember } from './cache.ts';
import type { StepContext } from './context.ts';
import { type PinnedData, pinData } from './data.ts';
import { pythonOf } from './environment-python.ts';
import { execute } from './execute.ts';
import { importPath, importRoots } from './import-roots.ts';
import { inputFiles, materialise, reuseKey } from './inputs.ts';
import { inContext } from './model-paths.ts';
import { pushNotebooks, pushOutcomeAhead } from './outcome.ts';
import { makeReference, trainedReference } from './reference.ts';

export const modelType = 'application/vnd.tagboat.model.v1';

/** The variables by which a user's code finds its data. */
export function dataVariables(data: readonly PinnedData[], workdir: string): Record<string, string> {
  return Object.fromEntries(
    data.map(({ source }) => [
      `TAGBOAT_DATA_${source.name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`,
      join(workdir, source.path),
    ]),
  );
}

/** Trains, or takes what the same inputs gave before, or (without `train`) takes the committed model file. */
export async function train(context: StepContext, server: string): Promise<void> {
  const commit = await context.commit();
  const model = await context.model(commit);
  const data = await pinData(context, commit, model);
  await context.result(
    'data',
    JSON.stringify(Object.fromEntries(data.map(({ source, digest }) => [source.name, digest]))),
  );
  const parameters = (model.spec.train?.steps ?? []).map((step) => step.parameters);
  await context.result('parameters', JSON.stringify(Object.assign({}, ...parameters)));
  if (!model.spec.train) return takeCommitted(context, { commit, model, data, server });
  const { steps, reuse } = model.spec.train;
  const reference = await trainedReference(commit, model);
  const outputs = [...model.spec.train.outputs, ...(reference === undefined ? [] : [reference])];
  const files = await inputFiles(commit, model, steps);
  const key = reuseKey('train', {
    files,
    data,
    environment: context.get('TAGBOAT_ENVIRONMENT_KEY'),
    about: { steps, outputs, artifact: model.spec.artifact.path, context: model.spec.context },
  });
  await context.result('key', key);
  const out = await context.outputs();
  const finish = async (end: { reused: boolean; notebook: string }) =>
    report(context, { ...end, ...(await publish(context, { commit, model, data, out, server })) });
  const known = reuse === 'never' ? undefined : await recall(context, key, out);
  if (known) {
    context.say(`the same inputs were trained before (${key.slice(0, 12)}): the model is taken from then`);
    return finish({ reused: true, notebook: known.values.notebook ?? '' });
  }
  const workdir = await materialise(context, { commit, model, files, data, name: 'work' });
  const all = new Set((await commit.files()).map(({ path }) => path));
  for (const { path } of files) all.delete(path);
  const notebook = await runSteps(context, {
    model,
    workdir,
    out,
    outputs,
    data,
    reference,
    undeclared: all,
  });
  const kept = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1));
  const values = { notebook, run: context.optional('TAGBOAT_RUN') ?? '' };
  await Promise.all([
    reuse !== 'never' && remember(context, key, { directory: out, files: kept, values }),
    finish({ reused: false, notebook }),
  ]);
}

interface Training {
  readonly model: ModelFile;
  readonly workdir: string;
  /** Where what is kept goes. */
  readonly out: string;
  /** What the steps leave besides the model. */
  readonly outputs: readonly string[];
  readonly data: readonly PinnedData[];
  readonly reference: string | undefined;
  readonly undeclared: ReadonlySet<string>;
}

/** Runs the steps and keeps what they leave. @returns the digest of the executed notebooks */
async function runSteps(context: StepContext, training: Training): Promise<string> {
  const { model, workdir, out, outputs, undeclared } = training;
  const { steps } = model.spec.train!;
  const notebooks = join(out, 'notebooks');
  // Where an earlier attempt was killed, what it left is none of this one's.
  for (const left of ['model', 'notebooks', 'outputs'])
    await rm(join(out, left), { recursive: true, force: true });
  const artifact = join(workdir, model.spec.artifact.path);
  await mkdir(dirname(artifact), { recursive: true });
  for (const path of outputs) await mkdir(dirname(join(workdir, path)), { recursive: true });
  const imports = importPath(await importRoots(context), workdir);
  const reportNotebooks = async () => {
    const digest = (await pushNotebooks(context, notebooks)) ?? '';
    await context.result('notebook', digest);
    return digest;
  };
  let ahead: Promise<void> | undefined;
  const onRan = () => {
    ahead = pushOutcomeAhead(context, { artifact, notebooks });
  };
  try {
    for (const step of steps)
      await execute(context, {
        step,
        workdir,
        python: pythonOf(context),
        notebooks,
        undeclared,
        ...(step === steps.at(-1) ? { onRan } : {}),
        variables: { ...imports, ...variablesOf(training, step) },
      });
  } catch (error) {
    await reportNotebooks();
    throw error;
  }
  await ahead;
  const reported = reportNotebooks();
  reported.catch(() => undefined);
  // The notebooks are there even where the model is not.
  await keepOutputs(model, training).finally(() => reported);
  return reported;
}

/** By what a step of a training finds things. */
function variablesOf(
  { model, workdir, data, reference }: Training,
  { parameters }: TrainStep,
): Record<string, string> {
  return {
    ...dataVariables(data, workdir),
    TAGBOAT_MODEL: join(workdir, model.spec.artifact.path),
    ...(reference === undefined ? {} : { TAGBOAT_REFERENCE: join(workdir, reference) }),
    TAGBOAT_PARAMETERS: JSON.stringify(parameters),
  };
}

async function keepOutputs(
  model: ModelFile,
  { workdir, out, outputs }: Pick<Training, 'workdir' | 'out' | 'outputs'>,
): Promise<void> {
  const artifact = model.spec.artifact.path;
  const path = join(workdir, artifact);
  const size = await stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
  if (size === undefined) {
    const left = await modelsIn(workdir);
    throw notFound(
      `the training ended without writing the model to ${artifact}${left ? `; it left ${left}` : ''}`,
      {
        hint: 'write it there, or correct artifact.path in tagboat.yaml; its full path is in the variable TAGBOAT_MODEL',
      },
    );
  }
  if (size === 0) throw invalid(`the training wrote an empty file to ${artifact}`);
  await mkdir(join(out, 'model'), { recursive: true });
  await copyFile(join(workdir, artifact), join(out, 'model', basename(artifact)));
  for (const path of outputs) {
    if (!existsSync(join(workdir, path)))
      throw path === model.spec.monitor?.reference
        ? notFound(`the training left no ${path}, which monitor.reference names`, {
            hint: 'write rows of inputs there; its full path is in the variable TAGBOAT_REFERENCE',
          })
        : notFound(`the training left no ${path}, which train.outputs declares`);
    await keepOutput(join(workdir, path), join(out, 'outputs', path));
  }
}

/** Links become what they lead to: what is kept for those who reuse it is files alone. */
export async function keepOutput(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, dereference: true }).catch((cause: unknown) => {
    throw invalid(`the output ${basename(from)} cannot be kept: ${describeError(cause)}`, { cause });
  });
}

/** Files that look like a model, for the error about one that is not where it was declared. */
async function modelsIn(workdir: string): Promise<string> {
  const files = await readdir(workdir, { recursive: true });
  return files
    .filter((path) => /\.(joblib|pkl|pickle|onnx|pt|pth|h5|keras|cbm|ubj|bst|model|npz)$/.test(path))
    .slice(0, 3)
    .join(', ');
}

async function takeCommitted(
  context: StepContext,
  taken: { commit: Commit; model: ModelFile; data: readonly PinnedData[]; server: string },
): Promise<void> {
  const { commit, model } = taken;
  const path = inContext(model, model.spec.artifact.path);
  const root = await context.directory('committed');
  await commit.export(root, [path]);
  const out = await context.outputs();
  await mkdir(join(out, 'model'), { recursive: true });
  await copyFile(join(root, path), join(out, 'model', basename(path))).catch(() => {
    throw notFound(`the model file ${path} is not in the repository at this commit`, {
      hint: 'commit it, or add train to tagboat.yaml',
    });
  });
  context.say(`takes the committed model ${path}`);
  await report(context, { ...(await publish(context, { ...taken, out })), reused: false, notebook: '' });
  await context.result('key', '');
}

/** Makes the reference of the model's inputs, and pushes both as one artifact. */
async function publish(
  context: StepContext,
  trained: Parameters<typeof makeReference>[1],
): Promise<{ digest: string; reference: string }> {
  const { model, out } = trained;
  const reference = await makeReference(context, trained);
  const names = [basename(model.spec.artifact.path), ...(reference === '' ? [] : [referenceFileName])];
  const digest = await pushArtifact(await context.registry(), {
    repository: context.artifacts('model'),
    tags: [],
    artifactType: modelType,
    files: names.map((name) => ({ name, path: join(out, 'model', name) })),
  });
  return { digest, reference };
}

async function report(
  context: StepContext,
  {
    digest,
    reference,
    reused,
    notebook,
  }: Record<'digest' | 'reference' | 'notebook', string> & { reused: boolean },
): Promise<void> {
  context.say(`model ${digest}`);
  await context.result('model-digest', digest);
  await context.result('reference-digest', reference);
  await context.result('reused', String(reused));
  await context.result('notebook', notebook);
}
