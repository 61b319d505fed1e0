import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildImage, captureHostPython, imagePaths } from '@tagboat/builder';
import { parseReference, pullArtifact } from '@tagboat/oci';
import { runChecked } from '@tagboat/process';
import { referenceFileName, releaseAnnotations } from '@tagboat/render';
import { registryAt, type StepContext } from './context.ts';
import { basePythonOf, environmentDirectoryOf } from './environment-python.ts';
import { importPath, importRoots } from './import-roots.ts';
import { exportServed } from './served-files.ts';

/** Builds the image that serves the model, and pushes it. */
export async function build(context: StepContext, server: string): Promise<void> {
  const commit = await context.commit({ exported: true });
  const model = await context.model(commit);
  const { spec } = model;
  const registry = await context.registry();
  const digest = context.get('TAGBOAT_MODEL_DIGEST');
  const key = context.get('TAGBOAT_ENVIRONMENT_KEY');
  const environment = { directory: environmentDirectoryOf(context), key };
  const base = baseFor(context, spec.image.base, environment.directory);
  base.catch(() => undefined);
  const pulled = await context.directory('model');
  await pullArtifact(registry, { repository: context.artifacts('model'), reference: digest }, pulled);
  const app = await exportServed(commit, model, await context.directory('app'));
  const modelFile = join(pulled, basename(spec.artifact.path));
  const reference = join(pulled, referenceFileName);
  const image = await buildImage({
    client: registry,
    repository: context.artifacts(),
    // It gets its tag when it is released: until then its gates may still refuse the model.
    tags: [],
    base: await base,
    environment,
    app,
    model: modelFile,
    ...(existsSync(reference) ? { reference } : {}),
    server,
    // The tag is left out on purpose: the same model built for another tag is the same image.
    variables: {
      MODEL_NAME: model.name,
      MODEL_VERSION: digest.slice('sha256:'.length, 'sha256:'.length + 12),
      MODEL_PATH: `${imagePaths.model}/${basename(modelFile)}`,
      TAGBOAT_MODEL_DIGEST: digest,
      TAGBOAT_APP_DIR: imagePaths.app,
      ...importPath(await importRoots(context), imagePaths.app, [imagePaths.server, imagePaths.app]),
      ...(existsSync(reference)
        ? { TAGBOAT_REFERENCE_PROFILE: `${imagePaths.model}/${referenceFileName}` }
        : {}),
      ...(spec.serve?.predictor ? { TAGBOAT_PREDICTOR: spec.serve.predictor } : {}),
      ...(spec.serve?.format ? { TAGBOAT_FORMAT: spec.serve.format } : {}),
    },
    labels: { 'org.opencontainers.image.title': model.name, [releaseAnnotations.modelDigest]: digest },
    cacheDirectory: join(context.cache, 'layers'),
    onProgress: (message) => context.say(message),
  });
  await reportImage(context, image);
}

export async function reportImage(
  context: StepContext,
  image: { digest: string; size: number },
): Promise<void> {
  const name = `${context.image}@${image.digest}`;
  context.say(`image ${name} (${Math.round(image.size / 2 ** 20)} MiB)`);
  await context.result('image', name);
  await context.result('image-digest', image.digest);
}

/** `python`: captured from the host's; anything else is an image of a registry. */
export async function baseFor(context: StepContext, base: string, environmentDirectory: string) {
  const python = await basePythonOf(environmentDirectory);
  if (base === 'python') return { captured: await captureHostPython(python, join(context.cache, 'layers')) };
  const { stdout } = await runChecked(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const { host } = parseReference(base);
  return {
    registry: {
      client: await registryAt(context, host),
      reference: base,
      version: stdout.toString('utf8').trim(),
    },
  };
}
