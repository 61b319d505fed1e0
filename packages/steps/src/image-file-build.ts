import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { notFound, TagboatError } from '@tagboat/base';
import { reportImage } from './build.ts';
import { isPlain, type StepContext } from './context.ts';
import { runSaying } from './execute.ts';
import { imageTag } from './image-tag.ts';
import { exportWithOverlay, tagsOf } from './source-build.ts';

const engines = ['podman', 'buildah', 'docker'] as const;

/** Builds an image from the repository's Dockerfile or Containerfile by a container engine, and pushes it. */
export async function imageFileBuild(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const root = await exportWithOverlay(context, commit);
  const given = context.optional('TAGBOAT_IMAGE_FILE');
  const file = [given, 'Dockerfile', 'Containerfile'].find((name) => name && existsSync(join(root, name)));
  if (!file || (given && file !== given))
    throw notFound(
      `there is no ${given ?? 'Dockerfile or Containerfile'} at commit ${commit.id.slice(0, 10)}`,
    );
  const engine = engineIn(context.environment.PATH ?? '');
  const image = `${context.image}:${imageTag(context.get('TAGBOAT_TAG'))}`;
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
  await run(['build', ...(engine === 'docker' ? [] : ['--format', 'docker']), '-f', file, '-t', image, '.']);
  const own = context.isPlatform(context.registryHost);
  const insecure =
    engine !== 'docker' && isPlain(context, context.registryHost) ? ['--tls-verify=false'] : [];
  if (context.token && own)
    await run(['login', ...insecure, '-u', 'tagboat', '-p', context.token, context.registryHost]);
  const names = tagsOf(context).map((tag) => `${context.image}:${tag}`);
  for (const name of names) {
    if (name !== image) await run(['tag', image, name]);
    await run(['push', ...insecure, name]);
  }
  const client = await context.registry();
  const pushed = await client.getManifest(context.artifacts(), imageTag(context.get('TAGBOAT_TAG')));
  if (!pushed) throw notFound(`${image} is not in the registry after it was pushed`);
  await reportImage(context, { digest: pushed.digest, size: pushed.bytes.length });
}

/** The task's own login of a registry, where engines look for it. */
async function loginFile(context: StepContext): Promise<Record<string, string>> {
  const text = context.optional('TAGBOAT_DOCKER_CONFIG_JSON');
  if (!text) return {};
  const directory = await context.directory('login');
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
