import { invalid } from '@tagboat/base';
import type { Reference } from './reference.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

interface Entry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
}

/** Names that docker writes for docker.io. */
const dockerHub = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/**
 * The login for an image that a Docker configuration holds: `{"auths": {...}}` as in a Secret's `.dockerconfigjson`, or
 * its older form without `auths`. Keys are hosts, with `*` for a part of a name, and may go on with a path; the longest
 * that fits counts (Kubernetes docs, images, "Interpretation of config.json").
 * @throws `Invalid` where it is no JSON object
 */
export function loginFrom(config: string, image: Pick<Reference, 'host' | 'repository'>): Login | undefined {
  const [best] = entriesOf(config)
    .filter(([key]) => fits(key, image))
    .sort(([a], [b]) => b.length - a.length);
  if (!best) return undefined;
  const [, { auth, username = '', password = '' }] = best;
  if (!auth) return { username, password };
  const [name = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':');
  return { username: name, password: rest.join(':') };
}

function entriesOf(config: string): [string, Entry][] {
  let value: unknown;
  try {
    value = JSON.parse(config);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null)
    throw invalid('expected the JSON of a Docker configuration, {"auths": {...}}');
  const auths = ('auths' in value ? value.auths : value) ?? {};
  return Object.entries(auths).filter(([, entry]) => typeof entry === 'object' && entry !== null);
}

function fits(key: string, { host, repository }: Pick<Reference, 'host' | 'repository'>): boolean {
  const [named = '', ...path] = key
    .replace(/^https?:\/\//, '')
    .replace(/\/(v[12]\/?)?$/, '')
    .split('/');
  const below = path.join('/');
  if (below !== '' && repository !== below && !repository.startsWith(`${below}/`)) return false;
  if (dockerHub.has(named)) return dockerHub.has(host);
  const [parts, wanted] = [named.split('.'), host.split('.')];
  return (
    parts.length === wanted.length && parts.every((part, index) => part === '*' || part === wanted[index])
  );
}
