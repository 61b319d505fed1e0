import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { notFound } from '@tagboat/base';
import { pullArtifact, pushArtifact } from '@tagboat/oci';
import { runChecked } from '@tagboat/process';
import { registryAt, type StepContext } from './context.ts';

export const snapshotType = 'application/vnd.tagboat.workbench.v1';
const archive = 'files.tar.gz';
/** What can be made again is not kept. */
const left = ['./.cache', './.local/share/tagboat/environments', './.local/share/Trash'];

/** Packs the files of a workbench and pushes them to the registry, under the tag it is given. */
export async function workbenchSnapshot(context: StepContext): Promise<void> {
  const files = context.get('TAGBOAT_SNAPSHOT_FILES');
  const repository = context.get('TAGBOAT_SNAPSHOT_REPOSITORY');
  const tag = context.get('TAGBOAT_SNAPSHOT_TAG');
  const scratch = join(process.env.TMPDIR ?? '/tmp', 'tagboat-snapshot');
  await mkdir(scratch, { recursive: true });
  const path = join(scratch, archive);
  try {
    await runChecked('tar', ['-czf', path, '-C', files, ...left.map((name) => `--exclude=${name}`), '.']);
    const digest = await pushArtifact(await context.registry(), {
      repository,
      tags: [tag],
      artifactType: snapshotType,
      files: [{ name: archive, path }],
    });
    context.say(`snapshot ${context.registryHost}/${repository}:${tag} ${digest}`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Puts the files of a snapshot into a home directory that has none yet. */
export async function restoreFiles(context: StepContext, home: string): Promise<void> {
  const reference = context.optional('TAGBOAT_RESTORE_FROM');
  if (!reference || (await readdir(home)).length > 0) return;
  context.say(`restores the files of ${reference}`);
  const match = /^([^/]+)\/(.+):([^:/]+)$/.exec(reference);
  if (!match)
    throw notFound(`expected a snapshot such as HOST/PROJECT/workbenches/NAME:TAG, found "${reference}"`);
  const scratch = join(process.env.TMPDIR ?? '/tmp', 'tagboat-restore');
  await mkdir(scratch, { recursive: true });
  try {
    const source = { repository: match[2]!, reference: match[3]! };
    await pullArtifact(await registryAt(context, match[1]!), source, scratch);
    if (!existsSync(join(scratch, archive))) throw notFound(`${reference} is no snapshot of a workbench`);
    await runChecked('tar', ['-xzf', join(scratch, archive), '-C', home, '--no-same-owner']);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
