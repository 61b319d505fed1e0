import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import dockerIgnore from '@balena/dockerignore';
import { TagboatError } from '@tagboat/base';
import { directoryEntries, writeLayer } from '@tagboat/oci';
import { LineSplitter } from '@tagboat/process';
import type { StepContext } from './context.ts';
import { imageDirectory } from './source-build.ts';

// The module is its function, other than its types say.
const ignore = dockerIgnore as unknown as typeof dockerIgnore.default;

export interface EngineBuild {
  /** The directory that the image is built from, and the Dockerfile in it. */
  readonly root: string;
  readonly file: string;
  /** Registry and name, without a tag. */
  readonly image: string;
  readonly tags: readonly string[];
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

/** Has the platform's container engine build and push an image. @throws `BuildFailed` with the engine's words */
export async function buildOnPlatform(context: StepContext, build: EngineBuild): Promise<void> {
  const archive = join(await imageDirectory(context, 'context'), 'context.tar.gz');
  await writeLayer(await contextEntries(build.root, build.file), archive);
  const query = new URLSearchParams([
    ['image', build.image],
    ['file', build.file],
    ...build.tags.map((tag): [string, string] => ['tag', tag]),
  ]);
  const url = `${context.get('TAGBOAT_URL')}/image-builds/${context.get('TAGBOAT_PROJECT')}?${query}`;
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-tar',
      authorization: `Bearer ${context.token ?? ''}`,
      ...(build.login
        ? { 'x-registry-auth': Buffer.from(JSON.stringify(build.login)).toString('base64') }
        : {}),
    },
    body: await openAsBlob(archive),
    ...(context.signal ? { signal: context.signal } : {}),
  });
  if (!response.ok || !response.body)
    throw failed(`the platform does not take the build: ${await response.text()}`);
  if (!(await toItsEnd(context, response.body))) throw failed('the platform ended before the build did');
}

/** The files that go to the engine: all but those of `.dockerignore`. */
async function contextEntries(root: string, file: string) {
  const text = await readFile(join(root, '.dockerignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const ignored = ignore({ ignorecase: false }).add(text);
  const entries = await directoryEntries(
    root,
    '',
    // A directory that is left out may hold files that are taken again; engines make directories by themselves.
    (path, isDirectory) => isDirectory || path === file || !ignored.ignores(path),
  );
  return entries.filter(({ kind }) => kind !== 'directory');
}

/** @returns whether the build was told to be done */
async function toItsEnd(context: StepContext, body: ReadableStream<Uint8Array>): Promise<boolean> {
  let done = false;
  const lines = new LineSplitter((text) => {
    const { line, error } = JSON.parse(text) as { line?: string; error?: string };
    if (error !== undefined) throw failed(error);
    if (line === undefined) done = true;
    else if (line !== '') context.say(line);
  });
  for await (const chunk of body) lines.push(chunk);
  lines.end();
  return done;
}

const failed = (message: string) => new TagboatError(message, { reason: 'BuildFailed', retryable: false });
