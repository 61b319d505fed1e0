import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { git } from '@tagboat/git-client';

/** A commit of the working tree as it is, on top of HEAD; the index and the branch stay as they are. */
export async function snapshot(root: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-'));
  const environment = { GIT_INDEX_FILE: join(directory, 'index') };
  const words = async (args: readonly string[]) =>
    (await git(args, { cwd: root, environment })).stdout.toString('utf8').trim();
  try {
    const parent = await words(['rev-parse', '--verify', '--quiet', 'HEAD']).catch(() => undefined);
    if (parent) await words(['read-tree', parent]);
    await words(['add', '--all', '.']);
    const tree = await words(['write-tree']);
    return await words(['commit-tree', tree, ...(parent ? ['-p', parent] : []), '-m', 'tagboat try']);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
