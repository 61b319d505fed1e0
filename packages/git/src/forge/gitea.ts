import { isReason } from '@tagboat/base';
import type { Forge, ForgeAccess, ForgeComment, ForgePull, ForgeType } from './forge.ts';
import { type GithubPull, pullOf } from './github.ts';
import { RestClient, sameText, signatureOf } from './rest-client.ts';

interface GiteaComment {
  readonly id: number;
  readonly body: string;
  readonly created_at: string;
  readonly user: { readonly login: string } | null;
}

class Gitea implements Forge {
  readonly #client: RestClient;
  readonly #path: string;
  readonly #owner: string;
  readonly #insiders = new Map<string, Promise<boolean>>();

  constructor({ api, repository, token }: ForgeAccess) {
    this.#path = `/repos/${repository}`;
    this.#owner = repository.split('/')[0] ?? '';
    this.#client = new RestClient(api, token ? { authorization: `token ${token}` } : {});
  }

  async openPulls(): Promise<ForgePull[]> {
    try {
      const pulls = await this.#client.all<GithubPull>(`${this.#path}/pulls?state=open`, 50, 'limit');
      return pulls.map((pull) => this.#read(pull));
    } catch (error) {
      // Of a repository that nothing was pushed to yet Gitea says that there is no such list.
      if (isReason(error, 'Refused') && (await this.#isEmpty())) return [];
      throw error;
    }
  }

  async #isEmpty(): Promise<boolean> {
    return (await this.#client.get<{ empty?: boolean }>(this.#path)).empty === true;
  }

  async pull(number: number): Promise<ForgePull> {
    return this.#read(await this.#client.get<GithubPull>(`${this.#path}/pulls/${number}`));
  }

  async comments(number: number): Promise<ForgeComment[]> {
    // This list does not come in pages.
    const items = await this.#client.get<GiteaComment[]>(`${this.#path}/issues/${number}/comments`);
    const found: ForgeComment[] = [];
    for (const { id, body, created_at, user } of items)
      found.push({
        id: String(id),
        author: user?.login ?? '',
        body,
        createdAt: created_at,
        trusted: await this.#isInsider(user?.login),
      });
    return found;
  }

  async team(name: string): Promise<string[] | undefined> {
    const owner = encodeURIComponent(this.#owner);
    const teams = await this.#client.maybeAll<{ id: number; name: string }>(
      `/orgs/${owner}/teams`,
      50,
      'limit',
    );
    const team = teams?.find((item) => item.name.toLowerCase() === name.toLowerCase());
    if (!team) return undefined;
    const members = await this.#client.maybeAll<{ login: string }>(`/teams/${team.id}/members`, 50, 'limit');
    return members?.map(({ login }) => login);
  }

  async report({
    commit,
    context,
    state,
    description,
    targetUrl,
  }: Parameters<Forge['report']>[0]): Promise<undefined> {
    await this.#client.post(`${this.#path}/statuses/${commit}`, {
      state,
      context,
      description,
      ...(targetUrl ? { target_url: targetUrl } : {}),
    });
  }

  #read(pull: GithubPull): ForgePull {
    return pullOf(pull, () => this.#isInsider(pull.user?.login));
  }

  #isInsider(login: string | undefined): Promise<boolean> {
    if (!login) return Promise.resolve(false);
    if (login === this.#owner) return Promise.resolve(true);
    const known =
      this.#insiders.get(login) ??
      this.#client.holds(`${this.#path}/collaborators/${encodeURIComponent(login)}`);
    this.#insiders.set(login, known);
    return known;
  }
}

/** Gitea and Forgejo (their API of version 1). */
export const gitea: ForgeType = {
  connect: (access) => new Gitea(access),
  apiOf: (origin) => `${origin}/api/v1`,
  verifies: ({ headers, body }, secret) =>
    sameText(headers['x-gitea-signature'] ?? headers['x-forgejo-signature'] ?? '', signatureOf(body, secret)),
};
