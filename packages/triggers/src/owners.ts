import { parseYaml } from '@tagboat/api';
import { describeError, TagboatError } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';

const largestFile = 2 ** 18;

/**
 * The people that `OWNERS` of a commit names as approvers or reviewers, in lower case, with the groups of
 * `OWNERS_ALIASES`; of its `filters` only `.*` counts, as Pipelines-as-Code reads it. A file that cannot be read names
 * nobody, and `warn` is told.
 */
export async function ownersOf(
  commit: Commit,
  warn: (message: string) => void,
): Promise<ReadonlySet<string>> {
  const read = async (file: string): Promise<Record<string, unknown>> => {
    const found = (await commit.kinds([file])).get(file) === 'file' ? await commit.read(file) : undefined;
    if (!found || found.length > largestFile) return {};
    try {
      return recordOf(parseYaml(found.toString('utf8'), file)[0]?.value);
    } catch (error) {
      if (!(error instanceof TagboatError)) throw error;
      warn(describeError(error));
      return {};
    }
  };
  const owners = await read('OWNERS');
  if (Object.keys(owners).length === 0) return new Set();
  const filtered = recordOf(recordOf(owners.filters)['.*']);
  const named = [owners, filtered].flatMap((from) => [
    ...namesOf(from.approvers),
    ...namesOf(from.reviewers),
  ]);
  const aliases = recordOf((await read('OWNERS_ALIASES')).aliases);
  return new Set(named.flatMap((name) => (Object.hasOwn(aliases, name) ? namesOf(aliases[name]) : [name])));
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

const namesOf = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.filter((name) => typeof name === 'string').map((name) => name.toLowerCase())
    : [];
