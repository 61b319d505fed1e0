import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { notFound, safeJoin, TagboatError } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { fileDigest } from '@tagboat/oci';
import { type ModelFile, referenceFileName } from '@tagboat/render';
import { recall, remember } from './cache.ts';
import { StepContext } from './context.ts';
import { isFetched, type PinnedData } from './data.ts';
import { pythonOf } from './environment-python.ts';
import { runSaying, userEnvironment } from './execute.ts';
import { importPath, importRoots } from './import-roots.ts';
import { materialise, reuseKey } from './inputs.ts';
import { inContext } from './model-paths.ts';
import { exportServed, filesToServe } from './served-files.ts';

interface Trained {
  readonly commit: Commit;
  readonly model: ModelFile;
  readonly data: readonly PinnedData[];
  /** The step's outputs: `model/`, and `outputs/` of what training declared. */
  readonly out: string;
  /** The directory with the model server's Python package. */
  readonly server: string;
}

/** The path of the reference that training makes: it is neither tracked nor data. */
export async function trainedReference(commit: Commit, model: ModelFile): Promise<string | undefined> {
  const path = model.spec.monitor?.reference;
  if (path === undefined || model.spec.data.some((source) => isFetched(source) && source.path === path))
    return undefined;
  const tracked = inContext(model, path);
  return (await commit.files()).some((file) => file.path === tracked) ? undefined : path;
}

/** A profile that was made, and what it follows from. */
export interface MadeProfile {
  readonly key: string;
  /** Where it is, if there is one. */
  readonly path: string;
  /** What was said while it was made, and by nobody heard. */
  readonly said: readonly string[];
}

/**
 * Makes the profile of the inputs that the model was trained for, beside the model in the outputs, or takes what the
 * same inputs gave before. Nothing is made where drift is not watched, or where nobody says what the inputs are.
 * @param ahead a profile that may be of the same inputs
 * @returns its digest, or nothing @throws what says why a declared reference cannot be read
 */
export async function makeReference(
  context: StepContext,
  trained: Trained,
  ahead?: MadeProfile,
): Promise<string> {
  const { model, out } = trained;
  if (!model.spec.monitor?.drift || !model.spec.serve) return '';
  const key = await keyOf(context, trained);
  const isKnown = ahead?.key === key;
  const path = isKnown ? ahead.path : await makeProfile(context, trained, key);
  if (isKnown) for (const line of ahead.said) context.say(line);
  if (!existsSync(path)) {
    context.say('no reference of the inputs: drift will not be watched');
    return '';
  }
  await copyFile(path, join(out, 'model', referenceFileName));
  return fileDigest(path);
}

/** Makes the profile of what a training seems to have left, while it still ends. @throws as `makeReference` */
export async function profileAhead(context: StepContext, trained: Trained): Promise<MadeProfile | undefined> {
  const { monitor, serve } = trained.model.spec;
  if (!monitor?.drift || !serve) return undefined;
  const said: string[] = [];
  const quiet = new StepContext(context.environment, (line) => void said.push(line), context.signal);
  const key = await keyOf(quiet, trained);
  return { key, path: await makeProfile(quiet, trained, key), said };
}

/** @returns where it is, if there is one */
async function makeProfile(context: StepContext, trained: Trained, key: string): Promise<string> {
  const kept = await context.directory(`reference-${key.slice(0, 12)}`);
  const path = join(kept, referenceFileName);
  if (await recall(context, key, kept)) return path;
  await profileInto(context, trained, path);
  const files = existsSync(path) ? [referenceFileName] : [];
  await remember(context, key, { directory: kept, files, values: {} });
  return path;
}

async function keyOf(context: StepContext, { commit, model, data, out }: Trained): Promise<string> {
  const { monitor, serve, artifact } = model.spec;
  const reference = monitor!.reference;
  const tracked = reference === undefined ? undefined : inContext(model, reference);
  const made = reference === undefined ? undefined : safeJoin(join(out, 'outputs'), reference);
  const files = (await commit.files()).filter(({ path }) => path === tracked);
  return reuseKey('reference', {
    files: [...(await filesToServe(commit, model)), ...files],
    data,
    environment: context.get('TAGBOAT_ENVIRONMENT_KEY'),
    about: {
      reference: reference ?? '',
      made: made && existsSync(made) ? await fileDigest(made) : '',
      model: await fileDigest(join(out, 'model', basename(artifact.path))),
      context: model.spec.context,
      serve: { predictor: serve!.predictor ?? '', format: serve!.format ?? '' },
    },
  });
}

async function profileInto(context: StepContext, trained: Trained, target: string): Promise<void> {
  const { commit, model, out, server } = trained;
  const { monitor, serve } = model.spec;
  const { reference } = monitor!;
  const data = trained.data.filter(({ source }) => reference === undefined || source.path === reference);
  const tracked = data.filter((one) => one.tracked).map(({ source }) => inContext(model, source.path));
  if (reference !== undefined) tracked.push(inContext(model, reference));
  const files = (await commit.files()).filter(({ path }) =>
    tracked.some((known) => path === known || path.startsWith(`${known}/`)),
  );
  const [workdir, app] = await Promise.all([
    materialise(context, { commit, model, files, data, name: 'reference-inputs' }),
    context.directory('reference-app').then((root) => exportServed(commit, model, root)),
  ]);
  await mkdir(workdir, { recursive: true });
  if (existsSync(join(out, 'outputs'))) await cp(join(out, 'outputs'), workdir, { recursive: true });
  const python = pythonOf(context);
  const { code, output } = await runSaying(
    context,
    python,
    ['-m', 'tagboat_serve.reference', target, ...sources(workdir, { model, data })],
    {
      cwd: workdir,
      env: {
        ...userEnvironment(context, workdir, python),
        PYTHONPATH: `${server}:${app}`,
        ...importPath(await importRoots(context), app, [server, app]),
        MODEL_PATH: join(out, 'model', basename(model.spec.artifact.path)),
        TAGBOAT_APP_DIR: app,
        ...(serve!.predictor ? { TAGBOAT_PREDICTOR: serve!.predictor } : {}),
        ...(serve!.format ? { TAGBOAT_FORMAT: serve!.format } : {}),
      },
    },
  );
  if (code !== 0)
    throw new TagboatError(output.trim().split('\n').at(-1) || `exit code ${code}`, {
      reason: 'NoReference',
      retryable: false,
      hint: 'monitor in tagboat.yaml asks for it',
    });
}

function sources(workdir: string, { model, data }: Pick<Trained, 'model' | 'data'>): string[] {
  const { reference } = model.spec.monitor!;
  if (reference === undefined)
    return data.flatMap(({ source }) => ['--data', safeJoin(workdir, source.path)]);
  const path = safeJoin(workdir, reference);
  if (!existsSync(path))
    throw notFound(`there is no ${reference}, which monitor.reference names`, {
      hint: 'commit it, or let training write it; its full path is in the variable TAGBOAT_REFERENCE',
    });
  return ['--reference', path];
}
