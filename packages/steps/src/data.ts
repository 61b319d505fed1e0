import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type Digest,
  describeError,
  digestOf,
  invalid,
  notFound,
  safeJoin,
  sha256,
  TagboatError,
} from '@tagboat/base';
import type { Commit, TreeFile } from '@tagboat/git-client';
import { fileDigest, pullArtifact, pushArtifact } from '@tagboat/oci';
import { runChecked } from '@tagboat/process';
import type { DataSource, ModelFile } from '@tagboat/render';
import type { StepContext } from './context.ts';
import { plainEnvironment } from './execute.ts';
import { lockFileName, readLockFile } from './lock-file.ts';
import { inContext } from './model-paths.ts';

/** A data source at the bytes that a run uses. */
export interface PinnedData {
  readonly source: DataSource;
  readonly digest: Digest;
  /** True: the file is tracked by git, and stands among the step's inputs. */
  readonly tracked: boolean;
}

const dataType = 'application/vnd.tagboat.data.v1';
const mostBytes = 64 * 2 ** 30;
const commandTimeout = 600_000;
/** A download without a byte for so long (milliseconds) has ended. */
const idleTimeout = 60_000;

/** True for a source whose bytes come from elsewhere than git. */
export const isFetched = (source: DataSource) => source.url !== undefined || source.command !== undefined;

/** The digest of a tracked data file. @throws `NotFound` naming the file */
export async function trackedDigest(commit: Commit, model: ModelFile, source: DataSource): Promise<Digest> {
  const path = inContext(model, source.path);
  const files = (await commit.files()).filter(
    (file) => file.path === path || file.path.startsWith(`${path}/`),
  );
  if (files.length === 0)
    throw notFound(`the data "${source.name}" is not in the repository: ${path}`, {
      hint: 'commit the file, or give the source a url or a command',
    });
  // Submodules have no content here.
  const blobs = files.filter(({ mode }) => mode !== '160000');
  const read = await commit.digests(blobs);
  const digests = new Map(blobs.map((file, index) => [file, read[index]!]));
  const digest = (file: TreeFile) => digests.get(file) ?? sha256('');
  if (files.length === 1 && files[0]!.path === path) return digest(files[0]!);
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file.path.slice(path.length)} ${digest(file)}\n`);
  return digestOf(hash);
}

/**
 * Every data source of a model, pinned: as an earlier step of the run saw it, else tracked files by their content and
 * fetched ones by `tagboat.lock`, or fetched now and kept in the registry.
 */
export async function pinData(context: StepContext, commit: Commit, model: ModelFile): Promise<PinnedData[]> {
  // Maps: a source may be called "constructor".
  const given = JSON.parse(context.optional('TAGBOAT_DATA_DIGESTS') ?? '{}') as Record<string, Digest>;
  const seen = new Map(Object.entries(given));
  const { models } = readLockFile(await commit.readText(lockFileName));
  const lock = new Map(Object.entries(models[model.name]?.data ?? {}));
  const pinned: PinnedData[] = [];
  for (const source of model.spec.data) {
    const tracked = !isFetched(source);
    const known =
      seen.get(source.name) ?? (tracked ? undefined : (lock.get(source.name) as Digest | undefined));
    const digest =
      known ??
      (tracked
        ? await trackedDigest(commit, model, source)
        : await snapshot(context, commit, { model, source }));
    pinned.push({ source, digest, tracked });
  }
  return pinned;
}

/** Fetches a source now and keeps its bytes in the registry. @returns their digest */
export async function snapshot(
  context: StepContext,
  commit: Commit,
  { model, source }: { model: ModelFile; source: DataSource },
): Promise<Digest> {
  const directory = await mkdtemp(join(context.get('TAGBOAT_WORKSPACE'), 'fetch-'));
  try {
    const path = join(directory, 'data');
    if (source.url !== undefined) await download(context, source.url, path);
    else await produce(context, { commit, model, source }, { directory, path });
    const digest = await fileDigest(path);
    await pushArtifact(await context.registry(), {
      repository: context.artifacts('data'),
      tags: [digest.replace(':', '-')],
      artifactType: dataType,
      files: [{ name: 'data', path }],
    });
    context.say(`data "${source.name}": ${digest}`);
    return digest;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Fetches a URL into a file. @throws `Unavailable` with the reason; `Invalid` for what is too large or no URL */
export async function download(context: StepContext, source: string, path: string): Promise<void> {
  if (!/^https?:\/\//.test(source) || !URL.canParse(source))
    throw invalid(`expected an http(s) URL for data, found "${source}"`);
  const { url, authorization } = withoutLogin(source);
  context.say(`fetches ${url}`);
  const stalled = new AbortController();
  const idle = setTimeout(
    () => stalled.abort(new Error(`no byte came for ${idleTimeout / 1000} s`)),
    idleTimeout,
  );
  const signal = AbortSignal.any([stalled.signal, ...(context.signal ? [context.signal] : [])]);
  let seen = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      idle.refresh();
      done(seen > mostBytes ? invalid(`${url} is larger than ${mostBytes} bytes`) : null, chunk);
    },
  });
  try {
    const response = await fetch(url, { signal, headers: authorization ? { authorization } : {} });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    await pipeline(Readable.fromWeb(response.body as never), limit, createWriteStream(path));
  } catch (cause) {
    if (cause instanceof TagboatError) throw cause;
    const why = stalled.signal.aborted ? stalled.signal.reason : cause;
    const reason =
      why instanceof Error && why.cause instanceof Error ? why.cause.message : describeError(why);
    throw new TagboatError(`cannot fetch ${url}: ${reason}`, { reason: 'Unavailable', cause });
  } finally {
    clearTimeout(idle);
  }
}

/** A login in a URL goes into a header (RFC 7617): fetch refuses it where it stands, and messages show the URL. */
function withoutLogin(source: string): { url: string; authorization?: string } {
  const url = new URL(source);
  const { username, password } = url;
  if (!username && !password) return { url: source };
  url.username = '';
  url.password = '';
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url: url.href, authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

/** Runs the source's command in a copy of the repository; what it leaves at the source's path is the data. */
async function produce(
  context: StepContext,
  { commit, model, source }: { commit: Commit; model: ModelFile; source: DataSource },
  { directory, path }: { directory: string; path: string },
): Promise<void> {
  const tree = join(directory, 'tree');
  await commit.export(tree);
  const cwd = join(tree, model.spec.context);
  const [command, ...args] = source.command!;
  context.say(`runs ${source.command!.join(' ')}`);
  const made = safeJoin(cwd, source.path);
  await mkdir(dirname(made), { recursive: true });
  await rm(made, { recursive: true, force: true });
  await runChecked(command!, args, {
    cwd,
    env: plainEnvironment(context, join(directory, 'home')),
    timeout: commandTimeout,
  });
  const left = await lstat(made).catch(() => undefined);
  if (!left) throw notFound(`the command of data "${source.name}" left nothing at ${source.path}`);
  if (!left.isFile())
    throw invalid(`the command of data "${source.name}" left no file at ${source.path}`, {
      hint: 'write one file, such as an archive or Parquet: what is not in it is not pinned',
    });
  await rename(made, path);
}

/** Puts a fetched source's bytes where the step expects them. */
export async function restoreData(context: StepContext, data: PinnedData, workdir: string): Promise<void> {
  if (data.tracked) return;
  const target = safeJoin(workdir, data.source.path);
  const directory = await mkdtemp(join(context.get('TAGBOAT_WORKSPACE'), 'data-'));
  try {
    await pullArtifact(
      await context.registry(),
      { repository: context.artifacts('data'), reference: data.digest.replace(':', '-') },
      directory,
    );
    await mkdir(dirname(target), { recursive: true });
    await rename(join(directory, 'data'), target);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
