import type { CommitState, ForgeSpec, PlainSecretReference, Repository, Secret } from '@tagboat/api';
import { githubAppSecret, kinds } from '@tagboat/api';
import { invalid, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { gitea } from './gitea.ts';
import { github } from './github.ts';
import { appKeys, installationToken } from './github-app.ts';
import { gitlab } from './gitlab.ts';

/** A pull request as a forge tells of it. */
export interface ForgePull {
  readonly number: number;
  readonly title: string;
  readonly description: string;
  readonly author: string;
  readonly head: string;
  /** Without `refs/heads/`. */
  readonly sourceBranch: string;
  readonly targetBranch: string;
  readonly labels: readonly string[];
  readonly isDraft: boolean;
  readonly url: string;
  readonly updatedAt: string;
  /** Where the change comes from, when that is another repository. */
  readonly sourceUrl: string | undefined;
  /** Whether its author may push to the repository; asked only where it counts, as it may take a request. */
  readonly isTrusted: () => Promise<boolean>;
  readonly state: 'open' | 'closed' | 'merged';
  readonly mergeCommit: string | undefined;
}

export interface ForgeComment {
  readonly id: string;
  readonly author: string;
  readonly body: string;
  readonly createdAt: string;
  readonly trusted: boolean;
}

/** What somebody said of a commit, not of a pull request. */
export interface ForgeCommitComment extends ForgeComment {
  readonly commit: string;
}

export interface ForgeStatus {
  readonly commit: string;
  readonly context: string;
  readonly state: CommitState;
  readonly description: string;
  readonly targetUrl: string | undefined;
  /** The check run that an earlier state of the same thing was said in. */
  readonly checkRun?: string | undefined;
}

/** What is asked of GitHub, GitLab and Gitea; each speaks its own REST API. */
export interface Forge {
  /** The newest two thousand, newest first. */
  openPulls(): Promise<ForgePull[]>;
  /** @throws `Refused` where there is none, or none any more */
  pull(number: number): Promise<ForgePull>;
  /** Oldest first. */
  comments(number: number): Promise<ForgeComment[]>;
  /** @returns the check run in which this can be said of something that goes on, where the forge has such */
  report(status: ForgeStatus): Promise<string | undefined>;
  /** The people of a team of the owner, or undefined where there is no such team, or none that the token may see. */
  team(name: string): Promise<string[] | undefined>;
  /** What was said of these commits, the heads that count; absent where a forge knows no such comments. */
  readonly commitComments?: (heads: readonly string[]) => Promise<ForgeCommitComment[]>;
}

export interface ForgeAccess {
  /** Of the REST API, without a slash at its end. */
  readonly api: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly token: string | undefined;
  /** The token is a GitHub App's. */
  readonly isApp?: boolean;
}

/** Names the headers of a webhook by their lower-case names. */
export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface ForgeType {
  readonly connect: (access: ForgeAccess) => Forge;
  /** The API of a host. */
  readonly apiOf: (origin: string) => string;
  /** Whether the forge signed this with the secret; compared in constant time. */
  readonly verifies: (request: WebhookRequest, secret: string) => boolean;
}

export const forgeTypes = { github, gitlab, gitea } as const satisfies Record<string, ForgeType>;
export type ForgeName = keyof typeof forgeTypes;

/** What a repository says of its forge: `spec.forge`, else `spec.git_provider` as Pipelines-as-Code has it. */
export function forgeSpecOf(repository: Repository): ForgeSpec | undefined {
  const { forge, git_provider: provider } = repository.spec ?? {};
  if (forge || !provider) return forge;
  const reference = (secret: PlainSecretReference | undefined, fallback: string) =>
    secret && { secretName: secret.name, key: secret.key ?? fallback };
  const token = reference(provider.secret, 'provider.token');
  const webhookSecret = reference(provider.webhook_secret, 'webhook.secret');
  const type = provider.type === 'forgejo' ? 'gitea' : provider.type;
  return {
    // What it may be is checked where it is used.
    ...(type ? { type: type as NonNullable<ForgeSpec['type']> } : {}),
    ...(provider.url ? { url: apiUrlOf(provider.url, type) } : {}),
    ...(token ? { token } : {}),
    ...(webhookSecret ? { webhookSecret } : {}),
  };
}

/** Pipelines-as-Code names the API or only the host. */
function apiUrlOf(url: string, type: string | undefined): string {
  if (!URL.canParse(url) || !type || !(type in forgeTypes)) return url;
  const { origin, pathname, hostname } = new URL(url);
  return pathname === '/' && !hostname.startsWith('api.') ? forgeTypes[type as ForgeName].apiOf(origin) : url;
}

/** Which forge hosts a repository, as it says or as its host's name tells. @throws `Invalid` where neither does */
export function forgeNameOf(repository: Repository): ForgeName {
  const { url = '' } = repository.spec ?? {};
  const forge = forgeSpecOf(repository);
  if (forge?.type) {
    if (forge.type in forgeTypes) return forge.type;
    throw invalid(`expected a forge github, gitlab or gitea, found "${forge.type}"`);
  }
  const host = hostOf(url);
  if (/(^|\.)github\./.test(host)) return 'github';
  if (/(^|\.)gitlab\./.test(host)) return 'gitlab';
  if (/(^|\.)(gitea|forgejo)\.|^codeberg\.org$/.test(host)) return 'gitea';
  throw invalid(`which forge is at ${host || url}?`, {
    hint: 'set spec.forge.type to github, gitlab or gitea; or: tagboat connect URL --forge TYPE',
  });
}

/** The forge of an outside repository that has `spec.forge`, else undefined. @throws `Invalid`, `MissingSecret` */
export async function forgeOf(reader: Reader, repository: Repository): Promise<Forge | undefined> {
  const place = placeOf(repository);
  if (!place) return undefined;
  const { type, forge, api, path } = place;
  const appToken = await appTokenOf(reader, repository);
  const named = forge.token ?? repository.spec?.credentialsFrom;
  const token =
    appToken ?? (named && (await secretValue(reader, repository, { ...named, keys: ['token', 'password'] })));
  return type.connect({ api, repository: path, token, isApp: appToken !== undefined });
}

/** Where the forge of an outside repository is, and what it calls the repository. */
function placeOf(repository: Repository) {
  const { url } = repository.spec ?? {};
  const forge = forgeSpecOf(repository);
  if (!forge || url === undefined) return undefined;
  const type: ForgeType = forgeTypes[forgeNameOf(repository)];
  const web = webUrlOf(url);
  const api = (forge.url ?? type.apiOf(new URL(web).origin)).replace(/\/$/, '');
  const path = forge.repository ?? new URL(web).pathname.replace(/^\/|\.git$|\/$/g, '').replace(/\.git$/, '');
  return { type, forge, api, path };
}

/**
 * The token of the GitHub App that a repository names, for its API and its git alike; undefined where it names none.
 * @throws `Invalid`, `MissingSecret`, `Refused` where the App is not installed
 */
export async function appTokenOf(reader: Reader, repository: Repository): Promise<string | undefined> {
  const { app } = forgeSpecOf(repository) ?? {};
  const place = app && placeOf(repository);
  if (!place) return undefined;
  if (place.type !== github) throw invalid('spec.forge.app names a GitHub App, and this is no GitHub');
  const value = (key: string) =>
    secretValue(reader, repository, { ...app, key, keys: [], alsoIn: githubAppSecret.namespace });
  return installationToken({
    api: place.api,
    repository: place.path,
    id: await value(appKeys.id),
    privateKey: await value(appKeys.privateKey),
  });
}

/** The secret that webhooks of a repository are signed with; undefined: none are taken. */
export function webhookSecretOf(reader: Reader, repository: Repository): Promise<string | undefined> {
  const { app, webhookSecret } = forgeSpecOf(repository) ?? {};
  const named =
    webhookSecret ?? (app && { ...app, key: appKeys.webhookSecret, alsoIn: githubAppSecret.namespace });
  if (!named) return Promise.resolve(undefined);
  return secretValue(reader, repository, { ...named, keys: ['webhook-secret', 'secret', 'token'] });
}

/** `git@host:path` and `ssh://` as the page a browser opens. */
function webUrlOf(url: string): string {
  const scp = /^(?:[^@/]+@)?([^:/]+):(?!\/\/)(.+)$/.exec(url);
  if (scp && !/^[a-z]+:\/\//.test(url)) return `https://${scp[1]}/${scp[2]}`;
  return url.replace(/^ssh:\/\/(?:[^@/]+@)?([^/:]+)(?::\d+)?/, 'https://$1');
}

const hostOf = (url: string) => (URL.canParse(webUrlOf(url)) ? new URL(webUrlOf(url)).hostname : '');

async function secretValue(
  reader: Reader,
  repository: Repository,
  named: { secretName: string; key?: string; keys: readonly string[]; alsoIn?: string },
): Promise<string> {
  const { namespace = '' } = repository.metadata;
  const keys = named.key ? [named.key] : named.keys;
  const places = [namespace, ...(named.alsoIn ? [named.alsoIn] : [])];
  for (const place of places) {
    const key = { type: kinds.Secret, namespace: place, name: named.secretName };
    const { data } = (await reader.get<Secret>(key)) ?? {};
    const value = keys.map((item) => data?.[item]).find((item) => item !== undefined);
    if (value !== undefined) return Buffer.from(value, 'base64').toString('utf8').trim();
  }
  throw new TagboatError(
    `there is no Secret "${named.secretName}" with ${keys.join(' or ')} in ${places.join(' or ')}`,
    {
      reason: 'MissingSecret',
      hint: `tagboat secret set ${named.secretName} -p ${places.at(-1)} ${keys[0]}=...`,
    },
  );
}
