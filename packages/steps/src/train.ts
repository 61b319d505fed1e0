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
import { type MadeProfile, makeReference, profileAhead, trainedReference } from './reference.ts';

export const modelType = 'application/vnd.tagboat.model.v1';

/** Bytes that are copied to look at them before a training has ended; copying more takes longer than what it saves. */
const mostAhead = 64 * 2 ** 20;

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
  const commit = await context.commit({ exported: true });
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
  const trained = { commit, model, data, server };
  const known = reuse === 'never' ? undefined : await recall(context, key, out);
  if (known) {
    context.say(`the same inputs were trained before (${key.slice(0, 12)}): the model is taken from then`);
    const published = await publish(context, { ...trained, out });
    return report(context, { reused: true, notebook: known.values.notebook ?? '', ...published });
  }
  const workdir = await materialise(context, { commit, model, files, data, name: 'work' });
  const all = new Set((await commit.files()).map(({ path }) => path));
  for (const { path } of files) all.delete(path);
  const training = { model, workdir, out, outputs, data, reference, undeclared: all };
  const ran = await runSteps(context, training, async () => {
    const left = [model.spec.artifact.path, ...outputs].map((path) => join(workdir, path));
    if ((await sizeOf(left)) > mostAhead) return undefined;
    // A copy: what still changes has no part in it.
    const seeming = await context.directory('ahead');
    await keepOutputs(model, { ...training, out: seeming });
    return profileAhead(context, { ...trained, out: seeming });
  });
  const kept = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1));
  const keep = async () => {
    const values = { notebook: await ran.notebook, run: context.optional('TAGBOAT_RUN') ?? '' };
    await remember(context, key, { directory: out, files: kept, values });
  };
  const [published, notebook] = await Promise.all([
    publish(context, { ...trained, out }, ran.profile),
    ran.notebook,
    reuse !== 'never' && keep(),
  ]);
  await report(context, { reused: false, notebook, ...published });
}

/** Bytes of files and of what directories hold. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(path);
      if (!found.isDirectory()) return found.size;
      return sizeOf((await readdir(path)).map((name) => join(path, name)));
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

interface Ran {
  /** The digest of the executed notebooks. */
  readonly notebook: Promise<string>;
  /** The profile of what the training seemed to have left while it ended. */
  readonly profile: MadeProfile | undefined;
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

/** Runs the steps and keeps what they leave. @param profiling makes the profile of what is there then */
async function runSteps(
  context: StepContext,
  training: Training,
  profiling: () => Promise<MadeProfile | undefined>,
): Promise<Ran> {
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
  let pushing: Promise<void> | undefined;
  let profiled: Promise<MadeProfile | undefined> | undefined;
  const onRan = () => {
    pushing = pushOutcomeAhead(context, { artifact, notebooks });
    // What goes wrong here goes wrong again, and is told, when the training has ended.
    profiled = profiling().catch(() => undefined);
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
  await pushing;
  const notebook = reportNotebooks();
  notebook.catch(() => undefined);
  // The notebooks are there even where the model is not.
  await keepOutputs(model, training).catch(async (error: unknown) => {
    await notebook;
    throw error;
  });
  return { notebook, profile: await profiled };
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
  ahead?: MadeProfile,
): Promise<{ digest: string; reference: string }> {
  const { model, out } = trained;
  const reference = await makeReference(context, trained, ahead);
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
