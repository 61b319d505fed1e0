import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isReason, safeJoin, TagboatError } from '@tagboat/base';
import { type Credentials, checkUrl, git, isBranchMissing } from './git.ts';
import { Commit } from './tree.ts';

/** The files of a branch while a change is made. */
export interface WorkingTree {
  readonly directory: string;
  /** The commit the change starts from; undefined in an empty repository. */
  readonly parent: string | undefined;
  read(path: string): Promise<string | undefined>;
  write(path: string, content: string | Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
  list(path?: string): Promise<string[]>;
}

export interface CommitRequest {
  readonly url: string;
  readonly branch: string;
  readonly credentials?: Credentials;
  readonly author?: { readonly name: string; readonly email: string };
  readonly message: string | (() => string);
  /** Makes the change; called again from the start when somebody else pushed in between. */
  readonly change: (tree: WorkingTree) => Promise<void>;
  /** What an empty repository gets as a commit of its own first, so that reverting the change leaves that. */
  readonly beginning?: {
    readonly message: string;
    readonly change: (tree: WorkingTree) => Promise<void>;
  };
  /** How often to start over (default 10). */
  readonly attempts?: number;
  /** Also pushes the commit to this ref, such as `refs/tags/v1`. */
  readonly alsoTo?: string;
}

export interface CommitResult {
  readonly commit: string;
  /** False: the change changed nothing, and `commit` is what was there. */
  readonly changed: boolean;
}

/**
 * Commits a change to a branch of any git URL, and pushes it: compare-and-swap, since a push that is not a
 * fast-forward is refused and the change made anew on what is there then. Works on an empty repository.
 */
export async function commitFiles(request: CommitRequest): Promise<CommitResult> {
  return overtaking(request.attempts, (directory) => commitOnce(request, directory));
}

/** Does the work in a directory of its own, and again from the start while somebody else pushes in between. */
async function overtaking<T>(attempts = 10, work: (directory: string) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), 'tagboat-commit-'));
    try {
      return await work(directory);
    } catch (error) {
      if (!isReason(error, 'Conflict') || attempt >= attempts) throw error;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

async function commitOnce(request: CommitRequest, directory: string): Promise<CommitResult> {
  const { url, branch, credentials, beginning } = request;
  let parent = await checkOut(request, directory);
  if (parent === undefined && beginning) {
    await beginning.change(treeIn(directory, parent));
    await commitAll(request, directory, { message: beginning.message, empty: true });
    parent = await headOf(directory);
  }
  await request.change(treeIn(directory, parent));
  const message = typeof request.message === 'string' ? request.message : request.message();
  try {
    await commitAll(request, directory, { message, empty: parent === undefined });
  } catch (error) {
    const { stdout } = await git(['status', '--porcelain'], { cwd: directory });
    if (stdout.length === 0 && parent !== undefined) return { commit: parent, changed: false };
    throw error;
  }
  const targets = [`HEAD:refs/heads/${branch}`, ...(request.alsoTo ? [`HEAD:${request.alsoTo}`] : [])];
  const [commit] = await Promise.all([
    headOf(directory),
    git(['push', '--quiet', '--atomic', '--', checkUrl(url), ...targets], {
      cwd: directory,
      ...(credentials ? { credentials } : {}),
    }),
  ]);
  return { commit, changed: true };
}

/** git refuses a commit that changes nothing, unless it may be `empty`. */
async function commitAll(
  { author }: Pick<CommitRequest, 'author'>,
  directory: string,
  { message, empty }: { message: string; empty: boolean },
): Promise<void> {
  const environment: Record<string, string> = author
    ? { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email }
    : {};
  await git(['add', '--all'], { cwd: directory });
  await git(
    ['commit', '--quiet', ...(empty ? ['--allow-empty'] : []), '--no-verify', '--no-gpg-sign', '-F', '-'],
    { cwd: directory, stdin: message, environment },
  );
}

async function headOf(directory: string): Promise<string> {
  return (await git(['rev-parse', 'HEAD'], { cwd: directory })).stdout.toString('utf8').trim();
}

// Links become files that hold where they lead: nothing is read or written through one.
const withoutLinks = ['core.symlinks', 'false'] as const;

/** @returns the newest commit of the branch, whose files are then there; undefined where there is no such branch */
async function checkOut(
  { url, branch, credentials }: CommitRequest,
  directory: string,
): Promise<string | undefined> {
  const only = ['--no-local', '--depth=50', '--single-branch', '--no-tags', `--branch=${branch}`];
  const settings = `--config=${withoutLinks.join('=')}`;
  try {
    await git(['clone', '--quiet', ...only, settings, '--', checkUrl(url), directory], {
      ...(credentials ? { credentials } : {}),
    });
  } catch (error) {
    if (!isBranchMissing(error)) throw error;
    await git(['init', '--quiet', '--', directory]);
    await git(['config', ...withoutLinks], { cwd: directory });
    await git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`], { cwd: directory });
    return undefined;
  }
  return headOf(directory);
}

function treeIn(directory: string, parent: string | undefined): WorkingTree {
  return {
    directory,
    parent,
    read: (path) =>
      readFile(safeJoin(directory, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
        throw error;
      }),
    async write(path, content) {
      const file = safeJoin(directory, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    },
    remove: (path) => rm(safeJoin(directory, path), { recursive: true, force: true }),
    async list(path = '') {
      const { stdout } = await git(['ls-files', '-z', '--cached', '--others', '--', path || '.'], {
        cwd: directory,
      });
      return stdout.toString('utf8').split('\0').filter(Boolean).sort();
    },
  };
}

export interface RevertRequest extends Omit<CommitRequest, 'change' | 'message' | 'beginning' | 'alsoTo'> {
  readonly commit: string;
  /** Lines after git's own "This reverts commit", such as trailers. */
  readonly trailers?: readonly string[];
  /** Takes the commit back where later ones changed the same lines; `before` reads files as they were. False: it cannot. */
  readonly onConflict?: (
    tree: WorkingTree,
    before: (path: string) => Promise<string | undefined>,
  ) => Promise<boolean>;
}

/**
 * Pushes a `git revert` of one commit, made anew when somebody else pushed in between.
 * @throws `RevertFailed` when it cannot be reverted cleanly
 */
export async function revertCommit(request: RevertRequest): Promise<CommitResult> {
  return overtaking(request.attempts, (directory) => revertOnce(request, directory));
}

async function revertOnce(request: RevertRequest, directory: string): Promise<CommitResult> {
  const { url, branch, commit, credentials, trailers = [] } = request;
  const here = { cwd: directory };
  const remote = { ...here, ...(credentials ? { credentials } : {}) };
  await git(
    [
      'clone',
      '--quiet',
      '--branch',
      branch,
      `--config=${withoutLinks.join('=')}`,
      '--',
      checkUrl(url),
      directory,
    ],
    remote,
  );
  const subject = await textOf(['log', '-1', '--format=%s', commit], directory);
  await git(['revert', '--no-commit', commit], here).catch(async (cause: unknown) => {
    await git(['reset', '--hard', '--quiet'], here);
    if (
      await request.onConflict?.(treeIn(directory, await headOf(directory)), fileAt(directory, `${commit}^`))
    )
      return;
    throw new TagboatError(
      `commit ${commit.slice(0, 10)} cannot be reverted cleanly: later commits changed the same lines`,
      {
        reason: 'RevertFailed',
        hint: `revert it by hand: git clone ${url}, git revert ${commit.slice(0, 10)}, resolve what conflicts, git push`,
        cause,
      },
    );
  });
  if ((await textOf(['status', '--porcelain'], directory)) === '')
    return { commit: await headOf(directory), changed: false };
  const lines = [`Revert "${subject}"`, '', `This reverts commit ${commit}.`, '', ...trailers];
  await commitAll(request, directory, { message: lines.join('\n'), empty: false });
  await git(['push', '--quiet', '--', checkUrl(url), `HEAD:refs/heads/${branch}`], remote);
  return { commit: await headOf(directory), changed: true };
}

const textOf = async (command: readonly string[], cwd: string): Promise<string> =>
  (await git([...command], { cwd })).stdout.toString('utf8').trim();

/** Reads files of one commit; undefined: it has none there. */
function fileAt(directory: string, commit: string): (path: string) => Promise<string | undefined> {
  return async (path) => (await Commit.at(directory, commit)).readText(path);
}
