import { join } from 'node:path';
import { entriesIn, TagboatError } from '@tagboat/base';
import { gitEnvironment } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';

/** Loose objects of a repository (as git-gc(1) estimates them) and packs that are not worth the work yet. */
const fewObjects = 2000;
const fewPacks = 50;
const longest = 3600_000;

/**
 * Packs what pushes and fetches left loose in the repositories below a directory, where that is much: each is a file, and
 * git looks through them all. What no branch or tag reaches any more stays: a run may be of it.
 * @throws `CommandFailed` with what git says, when all others were packed
 */
export async function packRepositories(
  directory: string,
  { few = fewObjects, signal }: { few?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const problems: string[] = [];
  for (const repository of await repositoriesIn(directory)) {
    if (signal?.aborted) return;
    const settings = [
      `gc.auto=${few}`,
      `gc.autoPackLimit=${fewPacks}`,
      'gc.autoDetach=false',
      'gc.pruneExpire=never',
      'gc.reflogExpire=never',
      'gc.reflogExpireUnreachable=never',
    ].flatMap((setting) => ['-c', setting]);
    // By name: from a directory that is none, git would go to the repository that it lies in.
    const words = ['--git-dir', repository, ...settings, 'gc', '--auto', '--quiet'];
    const { code, stderr } = await runCommand('git', words, {
      env: gitEnvironment(),
      background: true,
      timeout: longest,
      ...(signal ? { signal } : {}),
    });
    if (code !== 0) problems.push(`${repository}: ${stderr.trim()}`);
  }
  if (problems.length > 0) throw new TagboatError(problems.join('; '), { reason: 'CommandFailed' });
}

/** Those that are hosted, `<namespace>/<name>.git`, and clones of others, `.mirrors/<name>`. */
async function repositoriesIn(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const namespace of await directoriesIn(directory))
    for (const name of await directoriesIn(join(directory, namespace)))
      if (name.endsWith('.git') || namespace === '.mirrors') found.push(join(directory, namespace, name));
  return found;
}

const directoriesIn = async (path: string) =>
  (await entriesIn(path)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
