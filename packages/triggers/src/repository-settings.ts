import { kinds, type PlainSecretReference, type RepositorySpec, type Secret } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import type { Reader } from '@tagboat/store';

/** Of references that name none. */
export const defaultSecretKey = 'secret';

const acted: ReadonlySet<string> = new Set(['pipelinerun_provenance', 'policy', 'groups']);

/** The settings of Pipelines-as-Code that a repository has and nothing here acts on; that it writes no comments is so anyway. */
export const settingsNotices = ({ settings = {} }: RepositorySpec): string[] =>
  Object.entries(settings)
    .filter(
      ([name, value]) => !acted.has(name) && JSON.stringify(value) !== '{"comment_strategy":"disable_all"}',
    )
    .map(([name]) => name)
    .map((name) => `spec.settings.${name} of the repository is not acted on here`);

/** @throws `Invalid` that says how to make what is not there */
export async function secretValue(
  reader: Reader,
  project: string,
  { name, key = defaultSecretKey }: PlainSecretReference,
): Promise<string> {
  const secret = await reader.get<Secret>({ type: kinds.Secret, namespace: project, name });
  const value = secret?.data?.[key];
  if (value === undefined)
    throw invalid(`there is no Secret "${name}" with the key "${key}" in ${project}`, {
      hint: `tagboat secret set ${name} ${key}=...`,
    });
  return Buffer.from(value, 'base64').toString('utf8');
}
