import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, invalid, sha256 } from '@tagboat/base';
import type { Commit, TreeFile } from '@tagboat/git-client';
import { type ModelFile, stepInputs, type TrainStep } from '@tagboat/render';
import { type StepContext, stepsVersion } from './context.ts';
import { type PinnedData, restoreData } from './data.ts';

/** The tracked files a training or evaluation sees, by their paths in the repository. */
export async function inputFiles(
  commit: Commit,
  model: ModelFile,
  steps: readonly TrainStep[],
): Promise<TreeFile[]> {
  const prefix = model.spec.context === '.' ? '' : `${model.spec.context.replace(/\/$/, '')}/`;
  const files = (await commit.files()).filter(({ path }) => path.startsWith(prefix));
  const byPath = new Map(files.map((file) => [file.path.slice(prefix.length), file]));
  const wanted = new Set(stepInputs([...byPath.keys()], model.spec.train?.inputs));
  for (const { path, url, command } of model.spec.data)
    for (const known of byPath.keys())
      if (!url && !command && (known === path || known.startsWith(`${path}/`))) wanted.add(known);
  for (const step of steps) {
    const entry = step.notebook ?? step.script;
    if (entry === undefined) continue;
    if (!byPath.has(entry))
      throw invalid(`${prefix}${entry} is not in the repository at this commit`, {
        hint: 'commit the file, or correct the path in tagboat.yaml',
      });
    wanted.add(entry);
  }
  return [...wanted].sort().map((path) => byPath.get(path)!);
}

/** A new directory with just these files and the data; its model directory is where steps run. */
export async function materialise(
  context: StepContext,
  work: {
    commit: Commit;
    model: ModelFile;
    files: readonly TreeFile[];
    data: readonly PinnedData[];
    name: string;
  },
): Promise<string> {
  const root = await context.directory(work.name);
  await work.commit.export(
    root,
    work.files.map(({ path }) => path),
  );
  const workdir = join(root, work.model.spec.context);
  for (const data of work.data) await restoreData(context, data, workdir);
  for (const { path } of work.files) await refusePointer(join(root, path), path);
  return workdir;
}

async function refusePointer(file: string, path: string): Promise<void> {
  if (!/\.(joblib|pkl|pickle|onnx|h5|pt|pth|bin|gz|csv|parquet|npy|npz|zip)$/.test(path)) return;
  if ((await beginningOf(file)).startsWith('version https://git-lfs'))
    throw invalid(`${path} is a Git LFS pointer, and its content is not in the repository`, {
      hint: 'push it (git lfs push --all REMOTE), commit the file itself, or name it as data with a url',
    });
}

/** The first 60 bytes: data may be larger than memory. */
async function beginningOf(path: string): Promise<string> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    // A link that leads nowhere.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return '';
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(60), 0, 60, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What a step's outcome follows from, hashed: equal keys mean that it need not run again. */
export function reuseKey(
  task: string,
  parts: { files: readonly TreeFile[]; data: readonly PinnedData[]; environment: string; about: unknown },
): string {
  const text = canonicalJson({
    version: stepsVersion,
    task,
    files: parts.files.map(({ path, mode, id }) => [path, mode, id]),
    data: Object.fromEntries(parts.data.map(({ source, digest }) => [source.name, [source.path, digest]])),
    environment: parts.environment,
    about: parts.about,
  });
  return sha256(text).slice('sha256:'.length);
}
