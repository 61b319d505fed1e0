import type { PullRequest } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { gitEnvironment } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';
import { makeCommit, moveRef } from '../rest/file-changes.ts';
import { type GitReader, readTimeout } from '../rest/git-reader.ts';
import { rebased } from './rebase.ts';

/** How a change stands to its target branch. */
export type Mergeability =
  | { readonly kind: 'merged'; readonly commit: string }
  | { readonly kind: 'clean'; readonly tree: string; readonly fastForward: boolean }
  | { readonly kind: 'conflicts'; readonly files: readonly string[] };

/** What merging `head` into `base` would give; nothing is changed. */
export async function mergeability(
  reader: GitReader,
  { base, head }: { base: string; head: string },
): Promise<Mergeability> {
  const common = await reader.mergeBase(base, head);
  if (common === head) return { kind: 'merged', commit: await mergeCommitOf(reader, { base, head }) };
  const { code, stdout, stderr } = await runCommand(
    'git',
    [
      'merge-tree',
      '--write-tree',
      '-z',
      '--name-only',
      '--no-messages',
      '--allow-unrelated-histories',
      base,
      head,
    ],
    { cwd: reader.directory, env: gitEnvironment(), timeout: readTimeout },
  );
  const [tree, ...files] = stdout.toString('utf8').split('\0').filter(Boolean);
  if (code === 0) return { kind: 'clean', tree: tree!, fastForward: common === base };
  if (code === 1) return { kind: 'conflicts', files: [...new Set(files)] };
  throw new TagboatError(`git merge-tree failed: ${stderr.trim()}`, { reason: 'GitFailed' });
}

/** The merge that brought `head` into `base`, or `head` itself where it was a fast-forward. */
async function mergeCommitOf(
  reader: GitReader,
  { base, head }: { base: string; head: string },
): Promise<string> {
  const merges = await reader.run([
    'rev-list',
    '--first-parent',
    '--merges',
    '--parents',
    '--max-count=1000',
    base,
    `^${head}`,
  ]);
  const line = merges
    .toString('utf8')
    .split('\n')
    .find((text) => text.split(' ').slice(2).includes(head));
  return line?.split(' ')[0] ?? head;
}

/**
 * Merges a change into its branch; the branch moves only from where it was looked at.
 * @returns the commit the branch names then @throws `Conflict` when the branch moved meanwhile, `RebaseRefused`
 */
export async function mergeInto(
  reader: GitReader,
  pull: PullRequest,
  about: { base: string; head: string; clean: Extract<Mergeability, { kind: 'clean' }> },
): Promise<string> {
  const { base, head, clean } = about;
  const { number, title, targetBranch, merge = {} } = pull.spec!;
  const ref = `refs/heads/${targetBranch}`;
  if (merge.method === 'fast-forward') {
    await moveRef(reader, { ref, to: head, from: base });
    return head;
  }
  if (merge.method === 'squash') return squashInto(reader, pull, about);
  if (merge.method === 'rebase') {
    const committer = { name: personName(merge.by), email: 'tagboat@localhost' };
    const commit = await rebased(reader, pull, { base, head, committer, trailers: trailersOf(number, head) });
    await moveRef(reader, { ref, to: commit, from: base });
    return commit;
  }
  const first = merge.message?.trim() || `Merge pull request #${number}: ${title}`;
  const commit = await makeCommit(reader, {
    tree: clean.tree,
    parents: [base, head],
    message: `${first}\n\nPull-Request: ${number}\n`,
    author: { name: personName(merge.by), email: 'tagboat@localhost' },
  });
  await moveRef(reader, { ref, to: commit, from: base });
  return commit;
}

/** Names the head that a squashed or rebased commit holds: its own ancestry does not. */
const headTrailer = 'Pull-Request-Head';
const trailersOf = (number: number, head: string) => `Pull-Request: ${number}\n${headTrailer}: ${head}\n`;

/** The whole change as one commit, by who wrote its first commit. */
async function squashInto(
  reader: GitReader,
  pull: PullRequest,
  { base, head, clean }: { base: string; head: string; clean: Extract<Mergeability, { kind: 'clean' }> },
): Promise<string> {
  const { number, title, targetBranch, merge = {} } = pull.spec!;
  const commits = (await reader.log([head, `^${base}`], { limit: 200 })).reverse();
  const subjects = commits.map(({ message }) => `* ${message.split('\n')[0]}`).join('\n');
  const text = merge.message?.trim() || `${title} (#${number})${commits.length > 1 ? `\n\n${subjects}` : ''}`;
  const commit = await makeCommit(reader, {
    tree: clean.tree,
    parents: [base],
    message: `${text}\n\n${trailersOf(number, head)}`,
    ...(commits[0] ? { author: commits[0].author } : {}),
    committer: { name: personName(merge.by), email: 'tagboat@localhost' },
  });
  await moveRef(reader, { ref: `refs/heads/${targetBranch}`, to: commit, from: base });
  return commit;
}

/** The commit of the branch that holds a change squashed or rebased, as `mergeInto` made it; undefined where there is none. */
export async function squashedAs(
  reader: GitReader,
  { base, head, number }: { base: string; head: string; number: number },
): Promise<string | undefined> {
  const pattern = [`--grep=^Pull-Request: ${number}$`, `--grep=^${headTrailer}: ${head}$`];
  const found = await reader.run([
    'rev-list',
    '--first-parent',
    '--max-count=1',
    '--all-match',
    ...pattern,
    base,
    `^${head}`,
  ]);
  return found.toString('utf8').trim() || undefined;
}

const personName = (name: string | undefined) => name?.replace(/[<>\n\0]/g, '').trim() || 'Tagboat';
