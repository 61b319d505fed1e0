import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { notFound, TagboatError } from '@tagboat/base';
import { reportImage } from './build.ts';
import { dockerLogin, isPlain, type StepContext } from './context.ts';
import { buildOnPlatform, type EngineBuild } from './engine-build.ts';
import { runSaying } from './execute.ts';
import { imageTag } from './image-tag.ts';
import { exportWithOverlay, imageDirectory, tagsOf } from './source-build.ts';
import { generatedFile, sourceToImageFile } from './source-to-image.ts';

const engines = ['podman', 'buildah', 'docker'] as const;

/** Builds an image from the repository's Dockerfile or Containerfile by a container engine, and pushes it. */
export async function imageFileBuild(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const root = await exportWithOverlay(context, commit);
  const given = await imageFileOf(context, root);
  const file = [given, 'Dockerfile', 'Containerfile'].find((name) => name && existsSync(join(root, name)));
  if (!file || (given && file !== given))
    throw notFound(
      `there is no ${given ?? 'Dockerfile or Containerfile'} at commit ${commit.id.slice(0, 10)}`,
    );
  const build = { root, file, image: context.image, tags: tagsOf(context), login: await loginOf(context) };
  if (context.optional('TAGBOAT_URL')) await buildOnPlatform(context, build);
  else await buildByProgram(context, build);
  const client = await context.registry();
  const pushed = await client.getManifest(context.artifacts(), imageTag(context.get('TAGBOAT_TAG')));
  if (!pushed) throw notFound(`${context.image} is not in the registry after it was pushed`);
  await reportImage(context, { digest: pushed.digest, size: pushed.bytes.length });
}

/** The Dockerfile that is named; of a builder image with scripts (`build-source-script`) the one that stands for it. */
async function imageFileOf(context: StepContext, root: string): Promise<string | undefined> {
  const scripts = context.optional('TAGBOAT_SOURCE_SCRIPT');
  if (!scripts) return context.optional('TAGBOAT_IMAGE_FILE');
  const environment = await readFile(join(root, '.s2i', 'environment'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    },
  );
  const builder = context.get('TAGBOAT_BASE_IMAGE');
  await writeFile(join(root, generatedFile), sourceToImageFile({ builder, scripts, environment }));
  context.say(`the sources are assembled in ${builder} by the scripts at ${scripts}`);
  return generatedFile;
}

/** The run's token for the platform's own registry, else the task's or the host's login. */
async function loginOf(context: StepContext): Promise<EngineBuild['login']> {
  if (context.isPlatform(context.registryHost))
    return context.token ? { username: 'tagboat', password: context.token } : undefined;
  return dockerLogin(context, context.registryHost);
}

/** Elsewhere than on the platform, such as on a cluster, an engine's program builds. */
async function buildByProgram(context: StepContext, build: EngineBuild): Promise<void> {
  const { root, file, image, tags } = build;
  const engine = engineIn(context.environment.PATH ?? '');
  const login = await loginFile(context);
  const run = async (args: readonly string[]) => {
    const { code, output } = await runSaying(context, engine, args, {
      cwd: root,
      env: { ...(context.environment as Record<string, string>), DOCKER_BUILDKIT: '0', ...login },
    });
    if (code !== 0)
      throw new TagboatError(`${engine} ${args[0]} failed: ${output.trim().split('\n').at(-1) ?? ''}`, {
        reason: 'BuildFailed',
        retryable: false,
      });
  };
  const names = tags.flatMap((tag) => ['-t', `${image}:${tag}`]);
  await run(['build', ...(engine === 'docker' ? [] : ['--format', 'docker']), '-f', file, ...names, '.']);
  const insecure =
    engine !== 'docker' && isPlain(context, context.registryHost) ? ['--tls-verify=false'] : [];
  for (const tag of tags) await run(['push', ...insecure, `${image}:${tag}`]);
}

/** The task's own login of a registry, where engines look for it. */
async function loginFile(context: StepContext): Promise<Record<string, string>> {
  const text = context.optional('TAGBOAT_DOCKER_CONFIG_JSON');
  if (!text) return {};
  const directory = await imageDirectory(context, 'login');
  const file = join(directory, 'config.json');
  await writeFile(file, text, { mode: 0o600 });
  return { DOCKER_CONFIG: directory, REGISTRY_AUTH_FILE: file };
}

function engineIn(path: string): string {
  const found = engines.find((name) =>
    path.split(delimiter).some((directory) => existsSync(join(directory, name))),
  );
  if (found) return found;
  throw new TagboatError(
    'building from a Dockerfile needs a container engine, and there is none on this host',
    {
      reason: 'NoContainerEngine',
      retryable: false,
      hint: `install ${engines.join(', ')}; or use build-stratergy: Source`,
    },
  );
}
