import { copyFile, cp, mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describeError, notFound, TagboatError } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { pullArtifact } from '@tagboat/oci';
import type { ModelFile, Release } from '@tagboat/render';
import { recall, remember } from './cache.ts';
import type { StepContext } from './context.ts';
import { type PinnedData, pinData } from './data.ts';
import { deployedRelease } from './deployment.ts';
import { pythonOf } from './environment-python.ts';
import { execute } from './execute.ts';
import { judge, type Metrics, readMetrics } from './gates.ts';
import { importPath, importRoots } from './import-roots.ts';
import { inputFiles, materialise, reuseKey } from './inputs.ts';
import { dataVariables } from './train.ts';

interface Evaluation {
  readonly commit: Commit;
  readonly model: ModelFile;
  readonly data: readonly PinnedData[];
  /** What is kept for later runs while this one goes on. */
  readonly keeping: Promise<void>[];
  /** Called when the user's code is started. */
  readonly onStart?: () => void;
}

/** Measures the model, compares it with the deployed one on the same data, and holds both against the gates. */
export async function evaluate(context: StepContext): Promise<void> {
  const commit = await context.commit({ exported: true });
  const model = await context.model(commit);
  const digest = context.get('TAGBOAT_MODEL_DIGEST');
  if (!model.spec.evaluate) {
    context.say('nothing is evaluated: tagboat.yaml has no evaluate');
    await report(context, {}, undefined, 'nothing was evaluated');
    return;
  }
  const keeping: Promise<void>[] = [];
  const evaluation = { commit, model, data: await pinData(context, commit, model), keeping };
  // Looked up while the model is evaluated, not while that waits for what it needs to begin.
  const begun = Promise.withResolvers<void>();
  const release = begun.promise.then(() => deployedIfCompared(context, model));
  release.catch(() => undefined);
  const metrics = await measure(context, { ...evaluation, onStart: begun.resolve }, digest).finally(
    begun.resolve,
  );
  for (const [name, value] of Object.entries(metrics)) context.say(`${name}: ${value}`);
  const deployed = await measureDeployed(context, evaluation, { digest, metrics, release: await release });
  const verdict = judge(metrics, model.spec.evaluate.gates, deployed.metrics);
  const lines = [...verdict.lines, ...(deployed.note ? [deployed.note] : [])];
  for (const line of lines) context.say(line);
  await Promise.all([report(context, metrics, deployed.metrics, lines.join('\n')), ...keeping]);
  if (!verdict.passed || deployed.refused)
    throw new TagboatError(
      `the model was refused: ${lines.filter((line) => !line.startsWith('passed')).join('; ')}`,
      {
        reason: 'GateFailed',
        retryable: false,
        hint: 'the deployed model keeps serving',
      },
    );
}

async function report(
  context: StepContext,
  metrics: Metrics,
  deployed: Metrics | undefined,
  verdict: string,
): Promise<void> {
  await context.result('metrics', JSON.stringify(metrics));
  await context.result('deployed-metrics', deployed ? JSON.stringify(deployed) : '');
  await context.result('verdict', verdict);
}

/** The deployed release, where a gate compares with it. */
async function deployedIfCompared(context: StepContext, model: ModelFile): Promise<Release | undefined> {
  const compared = model.spec.evaluate?.gates.some(
    ({ notWorseThanDeployedBy }) => notWorseThanDeployedBy !== undefined,
  );
  return compared ? deployedRelease(context, model) : undefined;
}

async function measureDeployed(
  context: StepContext,
  evaluation: Evaluation,
  { digest, metrics, release }: { digest: string; metrics: Metrics; release: Release | undefined },
): Promise<{ metrics?: Metrics; note?: string; refused?: boolean }> {
  if (!release) return {};
  if (release.modelDigest === digest) return { metrics };
  context.say(`evaluates the deployed model ${release.tag} on the same data`);
  try {
    return { metrics: await measure(context, evaluation, release.modelDigest) };
  } catch (error) {
    const note = `the deployed model ${release.tag} cannot be evaluated with this code: ${describeError(error)}`;
    // A person who tags may change what a model is; a candidate that nobody looked at may not.
    return { note, refused: context.get('TAGBOAT_KIND') === 'candidate' };
  }
}

/** The metrics of one model on the run's data, by the run's code; taken from before where nothing differs. */
async function measure(context: StepContext, evaluation: Evaluation, digest: string): Promise<Metrics> {
  const { commit, model, data } = evaluation;
  const { step, metrics: file } = model.spec.evaluate!;
  const files = (await inputFiles(commit, model, [step])).filter(
    ({ path }) => !path.endsWith('.ipynb') || path.endsWith(step.notebook ?? '\0'),
  );
  const key = reuseKey('evaluate', {
    files,
    data,
    environment: context.get('TAGBOAT_ENVIRONMENT_KEY'),
    about: { step, file, model: digest, artifact: model.spec.artifact.path, context: model.spec.context },
  });
  const kept = await context.directory(`evaluation-${key.slice(0, 12)}`);
  const known = await recall(context, key, kept);
  if (known) {
    context.say('the same model was evaluated on the same data before: its metrics are taken from then');
    return readMetrics(await readFile(join(kept, 'metrics.json'), 'utf8'), file);
  }
  const [workdir, pulled] = await Promise.all([
    materialise(context, { commit, model, files, data, name: 'evaluate' }),
    pullModel(context, digest),
  ]);
  const artifact = join(workdir, model.spec.artifact.path);
  await mkdir(dirname(artifact), { recursive: true });
  await rm(artifact, { force: true });
  await copyFile(join(pulled, basename(artifact)), artifact);
  await copyOutputs(context, workdir);
  const target = join(workdir, file);
  await mkdir(dirname(target), { recursive: true });
  await rm(target, { force: true });
  const seen = new Set(files.map(({ path }) => path));
  const undeclared = (await commit.files()).map(({ path }) => path).filter((path) => !seen.has(path));
  await execute(context, {
    step,
    workdir,
    python: pythonOf(context),
    notebooks: join(kept, 'notebooks'),
    ...(evaluation.onStart ? { onStart: evaluation.onStart } : {}),
    undeclared: new Set(undeclared),
    variables: {
      ...importPath(await importRoots(context), workdir),
      ...dataVariables(data, workdir),
      TAGBOAT_MODEL: artifact,
      TAGBOAT_METRICS: target,
      TAGBOAT_PARAMETERS: JSON.stringify(step.parameters),
    },
  });
  const text = await readFile(target, 'utf8').catch(() => {
    throw notFound(`the evaluation ended without writing its metrics to ${file}`, {
      hint: 'write them there as JSON, or correct evaluate.metrics in tagboat.yaml; the full path is in the variable TAGBOAT_METRICS',
    });
  });
  const metrics = readMetrics(text, file);
  await copyFile(target, join(kept, 'metrics.json'));
  const keeping = remember(context, key, { directory: kept, files: ['metrics.json'], values: {} });
  keeping.catch(() => undefined);
  evaluation.keeping.push(keeping);
  return metrics;
}

/** @returns the directory that the model's file is then in */
async function pullModel(context: StepContext, digest: string): Promise<string> {
  const pulled = await context.directory('pulled');
  const source = { repository: context.artifacts('model'), reference: digest };
  await pullArtifact(await context.registry(), source, pulled);
  return pulled;
}

/** What training declared as outputs besides the model is there for the evaluation too. */
async function copyOutputs(context: StepContext, workdir: string): Promise<void> {
  const from = join(await context.outputs(), 'outputs');
  await cp(from, workdir, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
