import { pullArtifact, pushArtifact, readArtifact } from '@tagboat/oci';
import { stepOutcomeType } from '@tagboat/render';
import type { StepContext } from './context.ts';

export interface StepOutcome {
  /** Paths relative to the directory that is kept. */
  readonly files: readonly string[];
  readonly values: Readonly<Record<string, string>>;
}

/** What an equal step gave before, its files restored below `directory`; undefined where none ran. */
export async function recall(
  context: StepContext,
  key: string,
  directory: string,
): Promise<StepOutcome | undefined> {
  const registry = await context.registry();
  const source = { repository: context.artifacts('cache'), reference: key };
  if (!(await readArtifact(registry, source.repository, key))) return undefined;
  const { files, annotations } = await pullArtifact(registry, source, directory);
  return { files, values: annotations };
}

/** Keeps a step's outcome for the next run with the same key. */
export async function remember(
  context: StepContext,
  key: string,
  kept: { directory: string; files: readonly string[]; values: Readonly<Record<string, string>> },
): Promise<void> {
  await pushArtifact(await context.registry(), {
    repository: context.artifacts('cache'),
    tags: [key],
    artifactType: stepOutcomeType,
    files: kept.files.map((name) => ({ name, path: `${kept.directory}/${name}` })),
    annotations: kept.values,
  });
}
