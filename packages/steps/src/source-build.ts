import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildImage } from '@tagboat/builder';
import { baseFor, reportImage } from './build.ts';
import type { StepContext } from './context.ts';
import { environmentFor } from './environment.ts';
import { imageTag } from './image-tag.ts';

/** Builds an image of a repository's files and requirements (`.aicoe-ci.yaml`, strategy Source). */
export async function sourceBuild(context: StepContext, server: string): Promise<void> {
  const commit = await context.commit();
  const environment = await environmentFor(context, { commit, directory: '.', extra: [] });
  const app = await context.directory('app');
  await commit.export(app);
  const script = (await commit.read('app.py')) !== undefined ? 'app.py' : '';
  const model = join(await context.directory('model'), 'commit');
  await writeFile(model, `${commit.id}\n`);
  const image = await buildImage({
    client: await context.registry(),
    repository: context.artifacts(),
    tags: [imageTag(context.get('TAGBOAT_TAG'))],
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
