import { kinds, type Repository } from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { mutateStatus } from '@tagboat/store';
import type { Forge } from './forge.ts';
import type { ForgeControllerOptions } from './forge-controller.ts';

/** So many teams of a policy are asked about. */
const mostTeams = 20;

/** Keeps the members of the teams that a repository's policy names in its status, where triggers read them. */
export async function followTeams(
  { store }: Pick<ForgeControllerOptions, 'store'>,
  { repository, forge }: { repository: Repository; forge: Forge },
): Promise<void> {
  const { ok_to_test: ask = [], pull_request: change = [] } = repository.spec?.settings?.policy ?? {};
  const names = [...new Set([...ask, ...change])].filter((name) => name !== '').slice(0, mostTeams);
  if (names.length === 0 && !repository.status?.teams) return;
  const teams: Record<string, string[]> = {};
  for (const name of names) {
    const people = await forge.team(name);
    if (people) teams[name] = people.sort();
  }
  const { namespace = '', name } = repository.metadata;
  await mutateStatus<Repository>(store, { type: kinds.Repository, namespace, name }, (draft) => {
    if (canonicalJson(draft.status?.teams ?? {}) === canonicalJson(teams)) return false;
    draft.status = { ...draft.status, teams };
    return undefined;
  });
}
