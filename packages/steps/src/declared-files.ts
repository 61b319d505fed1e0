import { invalid, notFound } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import type { ModelFile, TrainStep } from '@tagboat/render';
import { isFetched } from './data.ts';
import { inContext } from './model-paths.ts';

/** A file that `tagboat.yaml` names, and as what. */
export interface DeclaredFile {
  /** In the repository. */
  readonly path: string;
  readonly key: string;
}

/**
 * Looks whether the files are in the repository that a model names: before it is trained for hours, not after.
 * @throws `NotFound` naming the file and the key; `Invalid` where the predictor's file has no such class
 */
export async function checkDeclaredFiles(commit: Commit, model: ModelFile): Promise<void> {
  const paths = (await commit.files()).map(({ path }) => path);
  const tracked = new Set(paths);
  for (const { path, key } of declaredFiles(model)) {
    if (tracked.has(path) || paths.some((known) => known.startsWith(`${path}/`))) continue;
    throw notFound(`${path} is not in the repository at this commit`, {
      hint: `commit the file, or correct ${key} in tagboat.yaml`,
    });
  }
  await checkPredictor(commit, model);
}

/** The files that must be in the repository for a model to be trained, evaluated and served. */
export function declaredFiles(model: ModelFile): DeclaredFile[] {
  const { spec } = model;
  const entry = (key: string, { notebook, script }: TrainStep): DeclaredFile[] => [
    ...(notebook === undefined ? [] : [{ path: notebook, key: `${key}.notebook` }]),
    ...(script === undefined ? [] : [{ path: script, key: `${key}.script` }]),
  ];
  const steps = spec.train?.steps ?? [];
  const predictor = spec.serve?.predictor?.split(':')[0];
  const files = [
    ...spec.data
      .filter((source) => !isFetched(source))
      .map(({ name, path }) => ({ path, key: `the path of data "${name}"` })),
    ...steps.flatMap((step, index) => entry(steps.length > 1 ? `train.steps[${index}]` : 'train', step)),
    ...(spec.train ? [] : [{ path: spec.artifact.path, key: 'artifact.path (or add train)' }]),
    ...(spec.evaluate ? entry('evaluate', spec.evaluate.step) : []),
    ...(predictor === undefined ? [] : [{ path: predictor, key: 'serve.predictor' }]),
  ];
  return files.map(({ path, key }) => ({ path: inContext(model, path), key }));
}

async function checkPredictor(commit: Commit, model: ModelFile): Promise<void> {
  const [file, name] = model.spec.serve?.predictor?.split(':') ?? [];
  if (file === undefined || name === undefined) return;
  const path = inContext(model, file);
  const source = (await commit.readText(path)) ?? '';
  // It may also be imported there, or made by a call.
  if (new RegExp(String.raw`\b${name}\b|\bimport \*`).test(source)) return;
  const classes = [...source.matchAll(/^class (\w+)/gm)].map((match) => match[1]);
  throw invalid(`there is no class "${name}", which serve.predictor names`, {
    location: { file: path },
    hint: classes.length > 0 ? `there is ${classes.join(', ')}` : 'it has no class at all',
  });
}
