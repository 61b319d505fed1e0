import type { PullRequest, PullRequestSpec } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import type { ResourceStore } from '@tagboat/store';
import { mutate } from '@tagboat/store';
import type { Proposal, ProposalOutcome, ProposedRef } from '../proc-receive.ts';
import { moveRef } from '../rest/file-changes.ts';
import { type CommitRecord, GitReader } from '../rest/git-reader.ts';
import { headRef, keyOfPull, PullRequestStore } from './pull-request-store.ts';

export interface ProposeOptions {
  readonly store: ResourceStore;
  /** The console's page of a pull request. */
  readonly page: (namespace: string, repository: string, number: number) => string;
}

interface Target {
  readonly branch: string;
  readonly topic: string | undefined;
}

/** Opens or updates pull requests from pushes to `refs/for/<branch>[/<topic>]`. */
export class Proposals {
  readonly #options: ProposeOptions;
  /** One at a time per repository, so that two pushes never take one number. */
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(options: ProposeOptions) {
    this.#options = options;
  }

  take(
    about: { namespace: string; name: string; directory: string },
    proposal: Proposal,
  ): Promise<readonly ProposalOutcome[]> {
    const key = `${about.namespace}/${about.name}`;
    const before = this.#running.get(key) ?? Promise.resolve();
    const running = before
      .catch(() => undefined)
      .then(async () => {
        const outcomes: ProposalOutcome[] = [];
        for (const ref of proposal.refs) outcomes.push(await this.#one(about, ref, proposal.options));
        return outcomes;
      });
    this.#running.set(key, running);
    return running.finally(() => {
      if (this.#running.get(key) === running) this.#running.delete(key);
    });
  }

  async #one(
    about: { namespace: string; name: string; directory: string },
    pushed: ProposedRef,
    options: readonly string[],
  ): Promise<ProposalOutcome> {
    const reader = new GitReader(about.directory);
    const pulls = new PullRequestStore(this.#options.store, about.namespace, about.name);
    if (/^0+$/.test(pushed.commit)) throw invalid('there is nothing to delete in refs/for');
    const id = await commitOf(reader, pushed.commit);
    const given = new Map(
      options.map((option) => {
        const at = option.indexOf('=');
        return at < 0 ? ([option, ''] as const) : ([option.slice(0, at), option.slice(at + 1)] as const);
      }),
    );
    const target = await targetOf(reader, pushed.ref, given.get('topic'));
    const base = (await reader.find(`refs/heads/${target.branch}`))!;
    const commits = await reader.log([id, `^${base}`], { limit: 250 });
    if (commits.length === 0)
      throw invalid(`${target.branch} has ${id.slice(0, 10)} already: there is nothing to propose`);
    const open = (await pulls.all()).filter(
      // One whose merge waits is pushed to as well; the merge, of another head, is refused then.
      ({ spec, status }) =>
        spec?.state !== 'closed' && !status?.mergedAt && spec?.targetBranch === target.branch,
    );
    const wanted = given.get('pull');
    const known = await findOpen(reader, { open, target, commits, id, base, wanted });
    const pull = known
      ? await update(reader, { pull: known, id, given, pulls })
      : await create(reader, { pulls, target, commits, id, given });
    const { number = 0, title = '' } = pull.spec ?? {};
    const before = known?.status?.headCommit;
    const url = this.#options.page(about.namespace, about.name, number);
    const verb = known ? 'updated' : 'opened';
    return {
      ref: pushed.ref,
      accepted: true,
      moved: headRef(number),
      before,
      commit: id,
      message: `Pull request ${number} ${verb}: ${title}\n${url}\ntagboat pr show ${number}`,
    };
  }
}

async function commitOf(reader: GitReader, id: string): Promise<string> {
  const commit = await reader.find(id);
  if (!commit) throw invalid(`expected a commit, found ${id}`);
  return commit;
}

/** The longest existing branch after `refs/for/`; what follows it is the topic. */
async function targetOf(reader: GitReader, ref: string, topic: string | undefined): Promise<Target> {
  const text = ref.replace(/^refs\/for\//, '');
  const parts = text.split('/');
  for (let length = parts.length; length > 0; length--) {
    const branch = parts.slice(0, length).join('/');
    if (!(await reader.find(`refs/heads/${branch}`))) continue;
    return { branch, topic: topic || parts.slice(length).join('/') || undefined };
  }
  const branches = (await reader.refs('refs/heads/')).map(({ name }) => name.slice('refs/heads/'.length));
  throw invalid(`there is no branch "${text}" to propose a change for`, {
    hint:
      branches.length > 0
        ? `there are ${branches.slice(0, 10).join(', ')}`
        : 'push the first branch as it is',
  });
}

/**
 * The open pull request that a push continues: the one that is named (`-o pull=N`), or has the same topic, or whose
 * head the push builds on, or whose first commit is the same but rewritten (`git commit --amend`, `git rebase`).
 */
async function findOpen(
  reader: GitReader,
  about: {
    open: readonly PullRequest[];
    target: Target;
    commits: readonly CommitRecord[];
    id: string;
    base: string;
    wanted: string | undefined;
  },
): Promise<PullRequest | undefined> {
  const { open, target, commits, id, base, wanted } = about;
  if (wanted !== undefined) {
    const found = open.find(({ spec }) => String(spec?.number) === wanted);
    if (!found) throw invalid(`there is no open pull request ${wanted} for ${target.branch}`);
    return found;
  }
  const candidates = open.filter(({ spec }) => (spec?.topic ?? undefined) === target.topic);
  if (target.topic !== undefined) return candidates[0];
  for (const pull of candidates) {
    const head = await reader.find(headRef(pull.spec!.number));
    if (!head || pull.spec?.sourceRef !== headRef(pull.spec!.number)) continue;
    if ((await reader.mergeBase(head, id)) === head && !(await isMerged(reader, head, base))) return pull;
    const [first] = (await reader.log([head, `^${base}`], { limit: 250 })).slice(-1);
    const own = commits.at(-1)!;
    if (first && isRewritten(first, own)) return pull;
  }
  return undefined;
}

/**
 * By the same author, with the same first line or from the same moment, which `commit --amend` and `rebase` leave alone; a
 * commit that was never rewritten is committed in the moment it is from.
 */
const isRewritten = (before: CommitRecord, after: CommitRecord) =>
  before.author.email === after.author.email &&
  (subjectOf(before) === subjectOf(after) ||
    (before.author.date === after.author.date && after.committer.date !== after.author.date));

const isMerged = async (reader: GitReader, head: string, base: string) =>
  (await reader.mergeBase(head, base)) === head;

const subjectOf = (commit: CommitRecord) => commit.message.split('\n')[0]!;

/** Title and description: as given, else of the only commit, else of the oldest, which says what all is about. */
function wordsOf(commits: readonly CommitRecord[], given: ReadonlyMap<string, string>) {
  const [title = '', ...rest] = commits.at(-1)!.message.trim().split('\n');
  const body =
    commits.length === 1
      ? rest.join('\n').trim()
      : commits
          .map((commit) => `- ${subjectOf(commit)}`)
          .reverse()
          .join('\n');
  return { title: given.get('title') || title, description: given.get('description') || body };
}

async function create(
  reader: GitReader,
  about: {
    pulls: PullRequestStore;
    target: Target;
    commits: readonly CommitRecord[];
    id: string;
    given: ReadonlyMap<string, string>;
  },
): Promise<PullRequest> {
  const { pulls, target, commits, id, given } = about;
  const { title, description } = wordsOf(commits, given);
  const spec: Omit<PullRequestSpec, 'number' | 'repository' | 'sourceRef'> = {
    title,
    ...(description ? { description } : {}),
    targetBranch: target.branch,
    ...(target.topic ? { topic: target.topic } : {}),
    author: commits[0]!.author.name,
    state: 'open',
  };
  return pulls.create(spec, await takenNumbers(reader), (number) => takeHead(reader, number, id));
}

async function update(
  reader: GitReader,
  about: {
    pull: PullRequest;
    id: string;
    given: ReadonlyMap<string, string>;
    pulls: PullRequestStore;
  },
): Promise<PullRequest> {
  const { pull, id, given, pulls } = about;
  await setHead(reader, pull.spec!.number, id);
  return mutate<PullRequest>(pulls.store, keyOfPull(pull), (draft) => {
    const title = given.get('title');
    const description = given.get('description');
    if (title) draft.spec!.title = title;
    if (description) draft.spec!.description = description;
    // Looked at again, whatever else changed.
    draft.metadata.annotations = { ...draft.metadata.annotations, 'tagboat.dev/pushed': id };
  });
}

/** Numbers whose heads are there already, whether or not their pull request is. */
export async function takenNumbers(reader: GitReader): Promise<number[]> {
  const text = await reader.run(['for-each-ref', '--format=%(refname)', 'refs/pull/']);
  return text
    .toString('utf8')
    .split('\n')
    .flatMap((name) => /^refs\/pull\/(\d+)\/head$/.exec(name)?.[1] ?? [])
    .map(Number);
}

export async function setHead(reader: GitReader, number: number, commit: string): Promise<void> {
  await git(['update-ref', '--create-reflog', '-m', 'pull request', headRef(number), commit], {
    cwd: reader.directory,
  });
}

/** Sets the head of a new pull request. @returns false where there is one of that number */
export async function takeHead(reader: GitReader, number: number, commit: string): Promise<boolean> {
  const ref = headRef(number);
  try {
    await moveRef(reader, { ref, to: commit, from: undefined });
    return true;
  } catch (error) {
    if (await reader.find(ref)) return false;
    throw error;
  }
}
