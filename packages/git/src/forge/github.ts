import type { CommitState } from '@tagboat/api';
import type {
  Forge,
  ForgeAccess,
  ForgeComment,
  ForgeCommitComment,
  ForgePull,
  ForgeStatus,
  ForgeType,
} from './forge.ts';
import { RestClient, sameText, signatureOf } from './rest-client.ts';

/** The fields of GitHub's answers that are used; Gitea's pull requests have the same ones, without associations. */
export interface GithubPull {
  readonly number: number;
  readonly title: string;
  readonly body: string | null;
  readonly state: string;
  readonly html_url: string;
  readonly updated_at: string;
  readonly draft?: boolean;
  readonly merged?: boolean;
  readonly merged_at?: string | null;
  readonly merge_commit_sha?: string | null;
  readonly user: { readonly login: string } | null;
  readonly author_association?: string;
  readonly labels?: readonly { readonly name: string }[];
  readonly head: GithubSide;
  readonly base: GithubSide;
}

interface GithubSide {
  readonly ref: string;
  readonly sha: string;
  readonly repo?: { readonly full_name: string; readonly clone_url?: string } | null;
}

interface GithubComment {
  readonly id: number;
  readonly body: string | null;
  readonly created_at: string;
  readonly user: { readonly login: string } | null;
  readonly author_association?: string;
}

interface GithubCommitComment extends GithubComment {
  readonly commit_id: string;
}

const insiders = new Set(['OWNER', 'MEMBER', 'COLLABORATOR']);
const longestDescription = 140;

/** What GitHub's and Gitea's pull requests have in common. */
export function pullOf(pull: GithubPull, isInsider: () => Promise<boolean>): ForgePull {
  // Of a fork that was deleted there is no repository.
  const own = pull.head.repo != null && pull.head.repo.full_name === pull.base.repo?.full_name;
  const merged = pull.merged === true || Boolean(pull.merged_at);
  return {
    number: pull.number,
    title: pull.title,
    description: pull.body ?? '',
    author: pull.user?.login ?? '',
    head: pull.head.sha,
    sourceBranch: pull.head.ref,
    targetBranch: pull.base.ref,
    isDraft: pull.draft === true,
    labels: (pull.labels ?? []).map(({ name }) => name),
    url: pull.html_url,
    updatedAt: pull.updated_at,
    sourceUrl: own ? undefined : (pull.head.repo?.clone_url ?? ''),
    isTrusted: async () => own || (await isInsider()),
    state: merged ? 'merged' : pull.state === 'open' ? 'open' : 'closed',
    mergeCommit: merged ? (pull.merge_commit_sha ?? undefined) : undefined,
  };
}

const isInsider = (association: string | undefined) => insiders.has(association ?? '');

const readPull = (pull: GithubPull): ForgePull =>
  pullOf(pull, async () => isInsider(pull.author_association));

const commentOf = ({ id, body, created_at, user, author_association }: GithubComment): ForgeComment => ({
  id: String(id),
  author: user?.login ?? '',
  body: body ?? '',
  createdAt: created_at,
  trusted: isInsider(author_association),
});

/** How check runs end. */
const conclusions = {
  success: 'success',
  failure: 'failure',
  error: 'cancelled',
  warning: 'neutral',
} as const;

/** GitHub's states have no warning. */
const stateOf = (state: CommitState) => (state === 'warning' ? 'success' : state);

class Github implements Forge {
  readonly #client: RestClient;
  readonly #path: string;
  readonly #owner: string;
  readonly #isApp: boolean;

  constructor({ api, repository, token, isApp = false }: ForgeAccess) {
    this.#isApp = isApp;
    this.#owner = repository.split('/')[0] ?? '';
    this.#path = `/repos/${repository}`;
    this.#client = new RestClient(api, {
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    });
  }

  async openPulls(): Promise<ForgePull[]> {
    const pulls = await this.#client.all<GithubPull>(`${this.#path}/pulls?state=open`, 100);
    return pulls.map(readPull);
  }

  async pull(number: number): Promise<ForgePull> {
    return readPull(await this.#client.get<GithubPull>(`${this.#path}/pulls/${number}`));
  }

  async comments(number: number): Promise<ForgeComment[]> {
    const items = await this.#client.all<GithubComment>(`${this.#path}/issues/${number}/comments`, 100);
    return items.map(commentOf);
  }

  /** Oldest first over all commits of the repository: the newest two hundred. */
  readonly commitComments = async (heads: readonly string[]): Promise<ForgeCommitComment[]> => {
    const items = await this.#client.newest<GithubCommitComment>(`${this.#path}/comments`, 100);
    return items
      .filter(({ commit_id }) => heads.includes(commit_id))
      .map((item) => ({ ...commentOf(item), commit: item.commit_id }));
  };

  async team(name: string): Promise<string[] | undefined> {
    const team = `/orgs/${encodeURIComponent(this.#owner)}/teams/${encodeURIComponent(name)}`;
    const members = await this.#client.maybeAll<{ login: string }>(`${team}/members`, 100);
    return members?.map(({ login }) => login);
  }

  async report(status: ForgeStatus): Promise<string | undefined> {
    if (this.#isApp) return this.#check(status);
    const { commit, context, state, description, targetUrl } = status;
    await this.#client.post(`${this.#path}/statuses/${commit}`, {
      state: stateOf(state),
      context,
      description: description.slice(0, longestDescription),
      ...(targetUrl ? { target_url: targetUrl } : {}),
    });
    return undefined;
  }

  /** Apps write check runs: one for each thing that goes on, until it has ended. */
  async #check({ commit, context, state, description, targetUrl, checkRun }: ForgeStatus) {
    const ended = state === 'pending' ? undefined : conclusions[state];
    const said = {
      name: context,
      status: ended ? 'completed' : 'in_progress',
      ...(ended ? { conclusion: ended } : {}),
      ...(targetUrl ? { details_url: targetUrl } : {}),
      output: {
        title: description.split('\n')[0]!.slice(0, longestDescription) || context,
        summary: description,
      },
    };
    const runs = `${this.#path}/check-runs`;
    if (checkRun) await this.#client.patch(`${runs}/${checkRun}`, said);
    const { id } = checkRun
      ? { id: checkRun }
      : await this.#client.post<{ id: number }>(runs, { ...said, head_sha: commit });
    return ended ? undefined : String(id);
  }
}

/** GitHub and GitHub Enterprise (docs.github.com/rest, version 2022-11-28). */
export const github: ForgeType = {
  connect: (access) => new Github(access),
  apiOf: (origin) => (origin === 'https://github.com' ? 'https://api.github.com' : `${origin}/api/v3`),
  verifies: ({ headers, body }, secret) =>
    sameText(headers['x-hub-signature-256'] ?? '', `sha256=${signatureOf(body, secret)}`),
};
