import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Credentials } from './git.ts';
import { fetchMirror, lsRemote } from './remote.ts';
import { Commit } from './tree.ts';

/**
 * Reads the newest commit of a branch of any git URL, in a clone that is there for as long as `read` runs.
 * @returns undefined where there is no such branch
 * @throws what `lsRemote` throws
 */
export async function readBranch<T>(
  source: { readonly url: string; readonly branch: string; readonly credentials?: Credentials },
  read: (head: Commit) => Promise<T>,
): Promise<T | undefined> {
  const { url, branch } = source;
  const access = source.credentials ? { credentials: source.credentials } : {};
  const ref = `refs/heads/${branch}`;
  if (!(await lsRemote(url, access)).refs[ref]) return undefined;
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-branch-'));
  try {
    const mirror = join(directory, 'repository.git');
    await fetchMirror(url, mirror, access);
    return await read(await Commit.at(mirror, ref));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
