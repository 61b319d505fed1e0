import type { Repository } from '@tagboat/api';
import type { Profile, WorkbenchRequest } from './workbenches.ts';

/** What the form holds, as it is typed. */
export interface Choices {
  readonly namespace: string;
  readonly repository: string;
  readonly name: string;
  readonly profile: string | undefined;
  readonly options: Readonly<Record<string, string>>;
  readonly variables: string;
  readonly secrets: string;
  readonly storage: string;
  readonly idleTimeout: string;
}

/** What a form for a repository begins with; the name is one that is free. */
export function emptyChoices({ metadata }: Repository, taken: readonly string[]): Choices {
  const { namespace = '', name } = metadata;
  const base = name.slice(0, 36).replace(/-+$/, '');
  let free = base;
  for (let number = 2; taken.includes(`${namespace}/${free}`); number++) free = `${base}-${number}`;
  return {
    namespace,
    repository: name,
    name: free,
    profile: undefined,
    options: {},
    variables: '',
    secrets: '',
    storage: '10Gi',
    idleTimeout: '4h',
  };
}

/** Why a workbench cannot be made of this; undefined where it can. */
export function problemWith(choices: Choices, taken: readonly string[]): string | undefined {
  const { namespace, name, variables } = choices;
  if (!/^[a-z0-9]([-a-z0-9]{0,41}[a-z0-9])?$/.test(name))
    return 'A name has small letters, digits and dashes, at most 43.';
  if (taken.includes(`${namespace}/${name}`)) return `There is a workbench ${namespace}/${name} already.`;
  const wrong = lines(variables).find((line) => !/^[A-Za-z_][\w.-]*=/.test(line));
  return wrong === undefined ? undefined : `Expected NAME=value, found "${wrong}".`;
}

export function requestOf(choices: Choices, profile: Profile): WorkbenchRequest {
  const { namespace, name, repository, options, variables, secrets, storage, idleTimeout } = choices;
  return {
    namespace,
    name,
    profile: profile.slug,
    options,
    repository,
    environment: Object.fromEntries(
      lines(variables).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    ),
    secrets: secrets.split(/[\s,]+/).filter(Boolean),
    ...(storage.trim() ? { storage: storage.trim() } : {}),
    ...(idleTimeout.trim() ? { idleTimeout: idleTimeout.trim() } : {}),
  };
}

const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
