import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, notFound, shortHash } from '@tagboat/base';
import { buildImage } from '@tagboat/builder';
import type { Commit } from '@tagboat/git-client';
import { type ImageConfiguration, type ImageManifest, parseManifest, parseReference } from '@tagboat/oci';
import type { Environment } from '@tagboat/python';
import { baseFor, reportImage } from './build.ts';
import { registryAt, type StepContext } from './context.ts';
import { environmentFor } from './environment.ts';
import { imageTag } from './image-tag.ts';

/** Builds an image of a repository's files and requirements (`.aicoe-ci.yaml`, strategy Source). */
export async function sourceBuild(context: StepContext, server: string): Promise<void> {
  const commit = await context.commit();
  const overlay = context.optional('TAGBOAT_OVERLAY');
  const environment = await environmentFor(context, { commit, directory: overlay ?? '.', extra: [] });
  const app = await exportWithOverlay(context, commit);
  const script = (await commit.read('app.py')) !== undefined ? 'app.py' : '';
  const model = join(await imageDirectory(context, 'model'), 'commit');
  await writeFile(model, `${commit.id}\n`);
  const image = await buildImage({
    client: await context.registry(),
    repository: context.artifacts(),
    tags: tagsOf(context),
    base: await baseFor(context, await baseOf(context, environment), environment.directory),
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

/** The base image that the repository asks for, where the environment's packages can stand on it; else `python`. */
async function baseOf(
  context: StepContext,
  { interpreter }: Pick<Environment, 'interpreter'>,
): Promise<string> {
  const wanted = context.optional('TAGBOAT_BASE_IMAGE');
  if (!wanted) return 'python';
  const problem = await problemOf(context, wanted, interpreter.version).catch(describeError);
  if (problem === undefined) return wanted;
  context.say(`the base image ${wanted} is not used, but the platform's Python: ${problem}`);
  return 'python';
}

/** Why packages for a version of Python cannot stand on an image. */
async function problemOf(context: StepContext, image: string, version: string): Promise<string | undefined> {
  const { host, repository, tag, digest } = parseReference(image);
  const client = await registryAt(context, host);
  const found = await client.getManifest(repository, digest ?? tag ?? 'latest');
  if (!found) return 'its registry does not have it';
  const { config } = parseManifest<Partial<ImageManifest>>(found);
  if (!config) return 'it is a list of images for several platforms: name the one for this machine by digest';
  const text = Buffer.from(await client.getBlob(repository, config.digest)).toString('utf8');
  const { Env = [] } = (JSON.parse(text) as ImageConfiguration).config;
  const has = Env.find((line) => line.startsWith('PYTHON_VERSION='))?.slice('PYTHON_VERSION='.length);
  const minor = (text: string) => text.split('.').slice(0, 2).join('.');
  if (has === undefined) return 'it does not say which Python it has (PYTHON_VERSION)';
  return minor(has) === minor(version) ? undefined : `it has Python ${has}, the environment ${version}`;
}

/** The run's tag, and the one that the repository asks for besides. */
export function tagsOf(context: StepContext): string[] {
  const custom = context.optional('TAGBOAT_CUSTOM_TAG');
  return [...new Set([context.get('TAGBOAT_TAG'), ...(custom ? [custom] : [])].map(imageTag))];
}

/** An empty directory of this image's build: a run builds the images of its overlays side by side. */
export function imageDirectory(context: StepContext, name: string): Promise<string> {
  const key = ['TAGBOAT_MODEL', 'TAGBOAT_TAG', 'TAGBOAT_OVERLAY'].map((part) => context.optional(part) ?? '');
  return context.directory(join('images', shortHash(key), name));
}

/** The repository's files, those of the overlay's directory over them; the repository's own Pipfile is then left out. */
export async function exportWithOverlay(context: StepContext, commit: Commit): Promise<string> {
  const root = await imageDirectory(context, 'app');
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
