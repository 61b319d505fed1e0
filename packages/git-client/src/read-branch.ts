import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Credentials, checkUrl, git, isBranchMissing } from './git.ts';
import { Commit } from './tree.ts';

export interface BranchSource {
  readonly url: string;
  readonly branch: string;
  readonly credentials?: Credentials;
  /** How many commits to fetch; default: all. */
  readonly depth?: number;
  /** Paths of files that will be read. */
  readonly ahead?: readonly string[];
}

/**
 * Reads the newest commit of a branch of any git URL, in a clone that is there for as long as `read` runs.
 * @returns undefined where there is no such branch
 * @throws `Unauthorized`, `NotFound`, `Unavailable`
 */
export async function readBranch<T>(
  source: BranchSource,
  read: (head: Commit) => Promise<T>,
): Promise<T | undefined> {
  const { url, branch, credentials, depth } = source;
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-branch-'));
  const only = ['--bare', '--no-local', '--single-branch', '--no-tags', `--branch=${branch}`];
  try {
    await git(
      ['clone', '--quiet', ...only, ...(depth ? [`--depth=${depth}`] : []), '--', checkUrl(url), directory],
      credentials ? { credentials } : {},
    );
    return await read(await Commit.at(directory, `refs/heads/${branch}`, source.ahead));
  } catch (error) {
    if (isBranchMissing(error)) return undefined;
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
