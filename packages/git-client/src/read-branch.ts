import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { type Credentials, checkUrl, git } from './git.ts';
import { Commit } from './tree.ts';

/**
 * Reads the newest commit of a branch of any git URL, in a clone that is there for as long as `read` runs.
 * @returns undefined where there is no such branch
 * @throws `Unauthorized`, `NotFound`, `Unavailable`
 */
export async function readBranch<T>(
  source: { readonly url: string; readonly branch: string; readonly credentials?: Credentials },
  read: (head: Commit) => Promise<T>,
): Promise<T | undefined> {
  const { url, branch } = source;
  const ref = `refs/heads/${branch}`;
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-branch-'));
  try {
    const options = {
      cwd: directory,
      ...(source.credentials ? { credentials: source.credentials } : {}),
    };
    await git(['init', '--quiet', '--bare', '--', directory]);
    try {
      await git(['fetch', '--quiet', '--no-tags', '--', checkUrl(url), `+${ref}:${ref}`], options);
    } catch (error) {
      if (error instanceof TagboatError && /couldn't find remote ref/.test(error.message)) return undefined;
      throw error;
    }
    return await read(await Commit.at(directory, ref));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
