import type { PullRequest } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { gitEnvironment } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';
import { makeCommit, type Person } from '../rest/file-changes.ts';
import { type CommitRecord, type GitReader, readTimeout } from '../rest/git-reader.ts';

/** More commits than this are not replayed. */
const mostCommits = 250;

/**
 * The commits of a change one after another on top of its branch, by their authors; merges and what is there already are
 * left out. The last one gets `trailers`. Nothing is moved.
 * @returns the last commit @throws `RebaseRefused` where a commit does not fit, though the change as a whole might
 */
export async function rebased(
  reader: GitReader,
  pull: PullRequest,
  about: { base: string; head: string; committer: Person; trailers: string },
): Promise<string> {
  const { base, head, committer, trailers } = about;
  const found = (await reader.log([head, `^${base}`, '--topo-order'], { limit: mostCommits + 1 })).reverse();
  const commits = found.filter(({ parents }) => parents.length === 1);
  const refused = (message: string) =>
    new TagboatError(message, { reason: 'RebaseRefused', retryable: false });
  if (found.length > mostCommits)
    throw refused(`it has more than ${mostCommits} commits: squash or merge it`);
  let onto = base;
  let tree = await treeOf(reader, base);
  const steps: { commit: CommitRecord; tree: string }[] = [];
  for (const commit of commits) {
    const replayed = await replay(reader, { commit, tree });
    if (!replayed)
      throw refused(
        `its commit ${commit.id.slice(0, 10)} (${commit.message.split('\n')[0]}) changes the same lines as ${pull.spec!.targetBranch}: rebase it by hand, or merge it`,
      );
    if (replayed !== tree) steps.push({ commit, tree: replayed });
    tree = replayed;
  }
  if (steps.length === 0) throw refused('none of its commits changes anything');
  for (const [index, step] of steps.entries())
    onto = await makeCommit(reader, {
      tree: step.tree,
      parents: [onto],
      message:
        index === steps.length - 1 ? `${step.commit.message.trim()}\n\n${trailers}` : step.commit.message,
      author: step.commit.author,
      committer,
    });
  return onto;
}

const treeOf = async (reader: GitReader, commit: string) =>
  (await reader.run(['rev-parse', `${commit}^{tree}`])).toString('utf8').trim();

/** The tree of what a commit changes, on top of another tree; undefined where both changed the same lines. */
async function replay(
  reader: GitReader,
  { commit, tree }: { commit: CommitRecord; tree: string },
): Promise<string | undefined> {
  // As a child of the commit's parent, that tree has the parent for a merge base.
  const side = await makeCommit(reader, { tree, parents: commit.parents, message: 'side' });
  const { code, stdout, stderr } = await runCommand(
    'git',
    ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', side, commit.id],
    { cwd: reader.directory, env: gitEnvironment(), timeout: readTimeout },
  );
  if (code === 1) return undefined;
  if (code !== 0) throw new TagboatError(`git merge-tree failed: ${stderr.trim()}`, { reason: 'GitFailed' });
  return stdout.toString('utf8').split('\0')[0]!;
}
