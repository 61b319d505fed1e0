import { join } from 'node:path';
import type { Commit, TreeFile } from '@tagboat/git-client';
import { type ModelFile, servedFiles } from '@tagboat/render';
import { inContext } from './model-paths.ts';

/** The tracked files that serving a model needs. */
export async function filesToServe(commit: Commit, model: ModelFile): Promise<TreeFile[]> {
  const own = inContext(model, '.');
  const prefix = own === '.' ? '' : `${own}/`;
  const tracked = (await commit.files()).filter(({ path }) => path.startsWith(prefix));
  const wanted = new Set(
    servedFiles(
      tracked.map(({ path }) => path.slice(prefix.length)),
      model.spec.serve?.inputs,
    ),
  );
  return tracked.filter(({ path }) => wanted.has(path.slice(prefix.length)));
}

/** Writes those files below `root`. @returns the model's own directory there */
export async function exportServed(commit: Commit, model: ModelFile, root: string): Promise<string> {
  const files = await filesToServe(commit, model);
  await commit.export(
    root,
    files.map(({ path }) => path),
  );
  return join(root, inContext(model, '.'));
}
