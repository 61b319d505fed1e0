import type { Readable } from 'node:stream';
import { describeError, TagboatError } from '@tagboat/base';
import type Dockerode from 'dockerode';
import { type EngineProgress, engineDone, withoutTls } from './engine-progress.ts';
import { findEngineSocket } from './engine-socket.ts';

/** An image that the container engine of this machine is to build and push. */
export interface ImageBuild {
  /** The files that it is built from, as a tar archive, compressed or not. */
  readonly context: Readable;
  /** The Dockerfile among them. */
  readonly file: string;
  /** Registry and name, without a tag. */
  readonly image: string;
  /** Whose build it is: nobody else's takes the place of what is kept of it. */
  readonly project: string;
  /** What it is pushed as. */
  readonly tags: readonly string[];
  readonly login?: { readonly username: string; readonly password: string };
  /** Takes the engine's words, a line at a time. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Why this machine has no container engine; undefined where it has one. */
export function engineProblem(): string | undefined {
  try {
    findEngineSocket();
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

/**
 * Builds an image by the engine's Docker API (docker, podman) and pushes it. Of each image the engine keeps the newest
 * build, for its cached layers.
 * @throws `EngineUnavailable`, `BuildFailed` with the engine's words
 */
export async function buildByEngine(build: ImageBuild): Promise<void> {
  const { default: Docker } = await import('dockerode');
  const engine = new Docker({ socketPath: findEngineSocket() });
  const path = build.image.slice(build.image.indexOf('/') + 1);
  const kept = `tagboat-builds/${build.project}/${path}:latest`;
  const before = await idOf(engine, kept);
  const stream = await engine
    .buildImage(build.context, {
      t: kept,
      dockerfile: build.file,
      ...(build.login ? { registryconfig: { [hostOf(build.image)]: build.login } } : {}),
      ...(build.signal ? { abortSignal: build.signal } : {}),
    })
    .catch((cause: unknown) => {
      throw failed('the engine does not take the build', cause);
    });
  const id = (await follow(engine, stream, build)) ?? (await idOf(engine, kept));
  if (id === undefined) throw failed('the build failed', new Error('the engine does not have the image'));
  for (const tag of build.tags) await push(engine, { build, id, tag });
  if (before !== undefined && before !== id) await forget(engine, before);
}

const hostOf = (image: string) => image.split('/')[0]!;

async function push(
  engine: Dockerode,
  { build, id, tag }: { build: ImageBuild; id: string; tag: string },
): Promise<void> {
  const { image, login } = build;
  await engine.getImage(id).tag({ repo: image, tag });
  try {
    // docker takes the tag in the name as well, podman beside it alone.
    const stream = await engine.getImage(image).push({
      tag,
      authconfig: { ...(login ?? { username: '', password: '' }), serveraddress: hostOf(image) },
      ...withoutTls(image),
    });
    await follow(engine, stream, build);
  } finally {
    // Its layers stay with the image that is kept.
    await engine.getImage(`${image}:${tag}`).remove();
  }
}

async function idOf(engine: Dockerode, name: string): Promise<string | undefined> {
  try {
    return (await engine.getImage(name).inspect()).Id;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

/** Removes an image that something newer has taken the name of; one that is still used stays. */
async function forget(engine: Dockerode, id: string): Promise<void> {
  await engine
    .getImage(id)
    .remove()
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
    });
}

/** @returns the id of the image, where the engine made one. @throws `BuildFailed` */
async function follow(
  engine: Dockerode,
  stream: NodeJS.ReadableStream,
  { say, signal }: ImageBuild,
): Promise<string | undefined> {
  let id: string | undefined;
  const stop = () => (stream as Readable).destroy(new Error('was cancelled'));
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await engineDone(engine, stream, (event) => {
      id = event.aux?.ID ?? id;
      for (const line of linesOf(event)) say(line);
    });
    return id;
  } catch (cause) {
    throw failed('the build failed', cause);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** What of the engine's progress a log shows: not how far each layer is. */
function linesOf({ stream, status, id, progress }: EngineProgress): string[] {
  if (stream !== undefined) return stream.split('\n').filter((line) => line.trim() !== '');
  if (
    status === undefined ||
    progress !== undefined ||
    /^(Pushing|Preparing|Waiting|Downloading|Extracting)$/.test(status)
  )
    return [];
  return [id ? `${id}: ${status}` : status];
}

const failed = (what: string, cause: unknown) =>
  new TagboatError(`${what}: ${cause instanceof Error ? cause.message.trim() : String(cause)}`, {
    reason: 'BuildFailed',
    retryable: false,
    cause,
  });
