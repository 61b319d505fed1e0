import type { CommitState } from '@tagboat/api';
import { isReason, sha256 } from '@tagboat/base';
import type { Forge, ForgeAccess, ForgeComment, ForgeCommitComment, ForgePull, ForgeType } from './forge.ts';
import { RestClient, sameText } from './rest-client.ts';

interface MergeRequest {
  readonly iid: number;
  readonly title: string;
  readonly description: string | null;
  readonly state: string;
  readonly sha: string;
  readonly author: { readonly id: number; readonly username: string };
  readonly source_branch: string;
  readonly target_branch: string;
  readonly source_project_id: number;
  readonly target_project_id: number;
  readonly labels?: readonly string[];
  readonly draft?: boolean;
  readonly web_url: string;
  readonly updated_at: string;
  readonly merge_commit_sha?: string | null;
}

interface Note {
  readonly id: number;
  readonly body: string;
  readonly system: boolean;
  readonly created_at: string;
  readonly author: { readonly id: number; readonly username: string };
}

interface CommitNote {
  readonly note: string;
  readonly created_at: string;
  readonly author: { readonly id: number; readonly username: string };
}

/** So many heads are asked about at each look. */
const mostHeads = 20;

/** GitLab's access level of a developer, who may push. */
const developer = 30;

const states: Readonly<Record<CommitState, string>> = {
  pending: 'pending',
  success: 'success',
  warning: 'success',
  failure: 'failed',
  error: 'canceled',
};

class Gitlab implements Forge {
  readonly #client: RestClient;
  readonly #path: string;
  readonly #levels = new Map<number, Promise<boolean>>();

  constructor({ api, repository, token }: ForgeAccess) {
    this.#path = `/projects/${encodeURIComponent(repository)}`;
    // Not `Private-Token`: only this header is left out where the server sends a request to another host (Fetch standard).
    this.#client = new RestClient(api, token ? { authorization: `Bearer ${token}` } : {});
  }

  async openPulls(): Promise<ForgePull[]> {
    const found = await this.#client.all<MergeRequest>(`${this.#path}/merge_requests?state=opened`, 100);
    return found.map((item) => this.#read(item));
  }

  async pull(number: number): Promise<ForgePull> {
    return this.#read(await this.#client.get<MergeRequest>(`${this.#path}/merge_requests/${number}`));
  }

  async comments(number: number): Promise<ForgeComment[]> {
    const path = `${this.#path}/merge_requests/${number}/notes?sort=asc&order_by=created_at`;
    const notes = (await this.#client.all<Note>(path, 100)).filter(({ system }) => !system);
    const found: ForgeComment[] = [];
    for (const { id, body, created_at, author } of notes)
      found.push({
        id: String(id),
        author: author.username,
        body,
        createdAt: created_at,
        trusted: await this.#isDeveloper(author.id),
      });
    return found;
  }

  /** A group by its path, with those that inherit their membership. */
  async team(name: string): Promise<string[] | undefined> {
    const path = `/groups/${encodeURIComponent(name)}/members/all`;
    const members = await this.#client.maybeAll<{ username: string }>(path, 100);
    return members?.map(({ username }) => username);
  }

  /** GitLab lists them by commit alone, and without an id. */
  readonly commitComments = async (heads: readonly string[]): Promise<ForgeCommitComment[]> => {
    const found: ForgeCommitComment[] = [];
    for (const commit of heads.slice(0, mostHeads)) {
      const path = `${this.#path}/repository/commits/${commit}/comments`;
      for (const { note, author, created_at } of await this.#client.all<CommitNote>(path, 100))
        found.push({
          id: sha256(`${author.id} ${created_at} ${note}`),
          commit,
          author: author.username,
          body: note,
          createdAt: created_at,
          trusted: await this.#isDeveloper(author.id),
        });
    }
    return found;
  };

  async report({
    commit,
    context,
    state,
    description,
    targetUrl,
  }: Parameters<Forge['report']>[0]): Promise<undefined> {
    try {
      await this.#client.post(`${this.#path}/statuses/${commit}`, {
        state: states[state],
        name: context,
        description: description.slice(0, 255),
        ...(targetUrl ? { target_url: targetUrl } : {}),
      });
    } catch (error) {
      // Said again what it knows already, GitLab calls it a transition that cannot be.
      if (!isReason(error, 'Refused') || !/Cannot transition status/.test(error.message)) throw error;
    }
  }

  #read(item: MergeRequest): ForgePull {
    const own = item.source_project_id === item.target_project_id;
    return {
      number: item.iid,
      title: item.title,
      description: item.description ?? '',
      author: item.author.username,
      head: item.sha,
      sourceBranch: item.source_branch,
      targetBranch: item.target_branch,
      labels: item.labels ?? [],
      isDraft: item.draft === true,
      url: item.web_url,
      updatedAt: item.updated_at,
      sourceUrl: own ? undefined : '',
      isTrusted: async () => own || (await this.#isDeveloper(item.author.id)),
      state: item.state === 'opened' ? 'open' : item.state === 'merged' ? 'merged' : 'closed',
      mergeCommit: item.merge_commit_sha ?? undefined,
    };
  }

  #isDeveloper(id: number): Promise<boolean> {
    const known = this.#levels.get(id) ?? this.#levelOf(id);
    this.#levels.set(id, known);
    return known;
  }

  async #levelOf(id: number): Promise<boolean> {
    try {
      const member = await this.#client.get<{ access_level: number }>(`${this.#path}/members/all/${id}`);
      return member.access_level >= developer;
    } catch (error) {
      if (isReason(error, 'Refused') || isReason(error, 'Unauthorized')) return false;
      throw error;
    }
  }
}

/** GitLab (its API of version 4). Its webhooks carry the secret itself. */
export const gitlab: ForgeType = {
  connect: (access) => new Gitlab(access),
  apiOf: (origin) => `${origin}/api/v4`,
  verifies: ({ headers }, secret) => sameText(headers['x-gitlab-token'] ?? '', secret),
};
