import { keyOf, keyText, kinds, type PullRequest, type Repository } from '@tagboat/api';
import { CommitMemory } from './commit-memory.ts';
import { ownersOf } from './owners.ts';
import type { TriggerOptions } from './run-maker.ts';

type Policy = 'ok_to_test' | 'pull_request';

/** Who may ask for runs, and whose changes run without being asked for: by policy, by `OWNERS`, else by who may push. */
export class Permissions {
  readonly #options: TriggerOptions;
  readonly #owners = new Map<string, { head: string; people: ReadonlySet<string> }>();

  constructor(options: TriggerOptions) {
    this.#options = options;
  }

  /** Whether the author of a comment may ask for runs of others' changes; `trusted` false: may not push. */
  async mayAsk(
    repository: Repository,
    { author, trusted }: { author: string; trusted?: boolean },
  ): Promise<boolean> {
    const byPolicy = allowedBy(repository, 'ok_to_test', author);
    // A person whom no team holds is not taken at their name's word alone: names are free to have.
    if (byPolicy === 'team' || (byPolicy === 'person' && trusted !== false)) return true;
    if (byPolicy === undefined && trusted !== false) return true;
    return this.#isOwner(repository, author);
  }

  /** Whether somebody must allow each commit of a change. */
  async needsApproval({ spec }: PullRequest, repository: Repository): Promise<boolean> {
    const author = spec?.author ?? '';
    const byPolicy = allowedBy(repository, 'pull_request', author);
    if (byPolicy === undefined ? spec?.external !== true : byPolicy !== 'nobody') return false;
    return !(await this.#isOwner(repository, author));
  }

  /** Read once for each head of the default branch. */
  async #isOwner(repository: Repository, person: string): Promise<boolean> {
    const { status } = repository;
    const head = status?.refs?.[`refs/heads/${status.defaultBranch ?? 'main'}`];
    if (!head || person === '') return false;
    const key = keyText(keyOf(kinds.Repository, repository));
    let known = this.#owners.get(key);
    if (known?.head !== head) {
      const commit = await new CommitMemory().commit(await this.#options.mirrorOf(repository), head);
      const warn = (message: string) =>
        this.#options.log.warn(`OWNERS of ${repository.metadata.name} is not read: ${message}`);
      known = { head, people: await ownersOf(commit, warn) };
      this.#owners.set(key, known);
    }
    return known.people.has(person.toLowerCase());
  }
}

/** By what the policy of a repository lets a person in; undefined: it has none. */
function allowedBy(
  { spec, status }: Repository,
  policy: Policy,
  person: string,
): 'team' | 'person' | 'nobody' | undefined {
  const { policy: policies, groups } = spec?.settings ?? {};
  if (!policies) return undefined;
  const teams = { ...groups, ...status?.teams };
  const same = (name: string) => name.toLowerCase() === person.toLowerCase();
  const names = policies[policy] ?? [];
  if (names.some((name) => Object.hasOwn(teams, name) && teams[name]!.some(same))) return 'team';
  return names.some((name) => !Object.hasOwn(teams, name) && same(name)) ? 'person' : 'nobody';
}
