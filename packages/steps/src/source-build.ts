import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { notFound } from '@tagboat/base';
import { buildImage } from '@tagboat/builder';
import type { Commit } from '@tagboat/git-client';
import { baseFor, reportImage } from './build.ts';
import type { StepContext } from './context.ts';
import { environmentFor } from './environment.ts';
import { imageTag } from './image-tag.ts';

/** Builds an image of a repository's files and requirements (`.aicoe-ci.yaml`, strategy Source). */
export async function sourceBuild(context: StepContext, server: string): Promise<void> {
  const commit = await context.commit();
  const overlay = context.optional('TAGBOAT_OVERLAY');
  const environment = await environmentFor(context, { commit, directory: overlay ?? '.', extra: [] });
  const app = await exportWithOverlay(context, commit);
  const script = (await commit.read('app.py')) !== undefined ? 'app.py' : '';
  const model = join(await context.directory('model'), 'commit');
  await writeFile(model, `${commit.id}\n`);
  const image = await buildImage({
    client: await context.registry(),
    repository: context.artifacts(),
    tags: tagsOf(context),
    base: await baseFor(context, 'python', environment.directory),
    environment: { directory: environment.directory, key: environment.key },
    app,
    model,
    server,
    variables: { APP_FILE: script },
    labels: { 'org.opencontainers.image.revision': commit.id },
    cacheDirectory: join(context.cache, 'layers'),
    onProgress: (message) => context.say(message),
  });
  await reportImage(context, image);
}

/** The run's tag, and the one that the repository asks for besides. */
export function tagsOf(context: StepContext): string[] {
  const custom = context.optional('TAGBOAT_CUSTOM_TAG');
  return [...new Set([context.get('TAGBOAT_TAG'), ...(custom ? [custom] : [])].map(imageTag))];
}

/** The repository's files, those of the overlay's directory over them; the repository's own Pipfile is then left out. */
export async function exportWithOverlay(context: StepContext, commit: Commit): Promise<string> {
  const root = await context.directory('app');
  await commit.export(root);
  const overlay = context.optional('TAGBOAT_OVERLAY');
  if (!overlay || overlay === '.') return root;
  const files = await commit.files(overlay);
  if (files.length === 0)
    throw notFound(`there is no directory ${overlay} at commit ${commit.id.slice(0, 10)}`, {
      hint: 'correct overlays_dir or the name of the overlay in .aicoe-ci.yaml',
    });
  for (const name of ['Pipfile', 'Pipfile.lock']) await rm(join(root, name), { force: true });
  await cp(join(root, overlay), root, { recursive: true });
  return root;
}
