import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type ArtifactFile, pushAhead, pushArtifact } from '@tagboat/oci';
import { notebooksType } from '@tagboat/render';
import type { StepContext } from './context.ts';

/** Pushes the executed notebooks below a directory. @returns their digest; undefined where there are none */
export async function pushNotebooks(context: StepContext, directory: string): Promise<string | undefined> {
  const names = await readdir(directory).catch(() => []);
  if (names.length === 0) return undefined;
  const run = context.optional('TAGBOAT_RUN');
  return pushArtifact(await context.registry(), {
    repository: context.artifacts('notebooks'),
    tags: run ? [run] : [],
    artifactType: notebooksType,
    files: names.map((name) => ({ name, path: join(directory, name) })),
  });
}

/**
 * Uploads what a training seems to have made, while it still ends. What goes wrong here goes wrong again, and is told,
 * when that is pushed.
 */
export async function pushOutcomeAhead(
  context: StepContext,
  made: { readonly artifact: string; readonly notebooks: string },
): Promise<void> {
  const push = async (kind: 'model' | 'notebooks' | 'cache', files: readonly ArtifactFile[]) =>
    pushAhead(await context.registry(), { repository: context.artifacts(kind), files });
  try {
    const names = await readdir(made.notebooks);
    const notebooks = names.map((name) => ({ name, path: join(made.notebooks, name) }));
    const model = [{ name: basename(made.artifact), path: made.artifact }];
    await Promise.all([
      push('model', model),
      push('notebooks', notebooks),
      push('cache', [...model, ...notebooks]),
    ]);
  } catch {
    // Above all: there is no model yet.
  }
}
