import {
  kinds,
  type Repository,
  type RepositoryStatus,
  type ResourceKey,
  type Secret,
  withCondition,
} from '@tagboat/api';
import {
  type Clock,
  canonicalJson,
  describeError,
  isReason,
  type Logger,
  TagboatError,
  timestamp,
} from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { type Credentials, lsRemote } from '@tagboat/git-client';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { appTokenOf } from './forge/forge.ts';
import type { Hosting } from './hosting.ts';

export interface RepositoryControllerOptions {
  /** How an outside repository is read; default: by the Secret that it names. */
  readonly credentials?: (repository: Repository) => Promise<Credentials | undefined>;
  readonly store: ResourceStore;
  readonly hosting: Hosting;
  /** The URL of `/git` on the main port. */
  readonly baseUrl: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const defaultInterval = 60;
/** Of `git_provider.secret` (Pipelines-as-Code `DefaultGitProviderSecretKey`). */
const defaultTokenKey = 'provider.token';

/** Keeps `Repository.status.refs` true: of hosted repositories after each push, of outside ones by looking. */
export function repositoryController(options: RepositoryControllerOptions): Controller {
  return new Controller({
    name: 'repository',
    reader: options.store,
    type: kinds.Repository,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => observe(options, key) },
  });
}

async function observe(options: RepositoryControllerOptions, key: ResourceKey): Promise<Result> {
  const { store, hosting, baseUrl } = options;
  const repository = await store.get<Repository>(key);
  if (!repository) {
    await hosting.remove(key.namespace, key.name);
    return undefined;
  }
  const url = repository.spec?.url;
  if (url === undefined) {
    const seen = await hosting.refs(key.namespace, key.name);
    await record(options, key, { ...seen, url: `${baseUrl}/${key.namespace}/${key.name}.git` });
    return undefined;
  }
  const interval = Math.max(1, repository.spec?.intervalSeconds ?? defaultInterval) * 1000;
  try {
    const credentials = await (options.credentials ?? ((of) => credentialsOf(store, of)))(repository);
    const seen = await lsRemote(url, credentials ? { credentials } : {});
    await record(options, key, { ...seen, refs: followedRefs(seen.refs), url });
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    await fail(options, key, error);
  }
  return { again: interval };
}

/** Forges show every pull request as a ref: thousands that are nobody's branch or tag. */
function followedRefs(refs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(refs).filter(([ref]) => /^refs\/(heads|tags|tagboat)\//.test(ref)),
  );
}

/**
 * Username and password of the Secret a Repository names (`kubernetes.io/basic-auth`, or a `token`); without one the token
 * of its `git_provider` or of its GitHub App, which opens the repository too, as with Pipelines-as-Code. @throws `MissingSecret`
 */
export async function credentialsOf(
  store: ResourceStore,
  repository: Repository,
): Promise<Credentials | undefined> {
  const { credentialsFrom, git_provider: provider } = repository.spec ?? {};
  if (credentialsFrom?.secretName) {
    const read = await secretOf(store, repository, {
      name: credentialsFrom.secretName,
      example: 'username=... password=...',
    });
    return { username: read('username') ?? 'git', password: read('password') ?? read('token') ?? '' };
  }
  if (!provider?.secret) {
    // Where the App's Secret is not there yet, a public repository can be read all the same.
    const token = await appTokenOf(store, repository).catch((error: unknown) => {
      if (isReason(error, 'MissingSecret')) return undefined;
      throw error;
    });
    return token === undefined ? undefined : { username: 'x-access-token', password: token };
  }
  const { name, key = defaultTokenKey } = provider.secret;
  const read = await secretOf(store, repository, { name, key, example: `${key}=...` });
  return { username: provider.user ?? 'git', password: read(key) ?? '' };
}

async function secretOf(
  store: ResourceStore,
  repository: Repository,
  { name, key, example }: { name: string; key?: string; example: string },
): Promise<(key: string) => string | undefined> {
  const { namespace = '' } = repository.metadata;
  const secret = await store.get<Secret>({ type: kinds.Secret, namespace, name });
  if (!secret || (key !== undefined && secret.data?.[key] === undefined))
    throw new TagboatError(`there is no Secret "${name}"${key ? ` with ${key}` : ''} in ${namespace}`, {
      reason: 'MissingSecret',
      hint: `tagboat secret set ${name} ${example}`,
    });
  return (field) => {
    const value = secret.data?.[field];
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8').trim();
  };
}

async function record(
  options: RepositoryControllerOptions,
  key: ResourceKey,
  seen: { refs: Record<string, string>; defaultBranch: string | undefined; url: string },
): Promise<void> {
  const now = timestamp(options.clock);
  await ignoringGone(
    mutateStatus<Repository>(options.store, key, (draft) => {
      const before = draft.status ?? {};
      const next: RepositoryStatus = {
        ...before,
        ...seen,
        defaultBranch: seen.defaultBranch,
        observedAt: before.observedAt ?? now,
        conditions: withCondition(
          before.conditions,
          { type: 'Ready', status: 'True', reason: 'Observed', message: '' },
          now,
        ),
      };
      if (canonicalJson(next) === canonicalJson(before)) return false;
      draft.status = next;
      return undefined;
    }),
  );
}

async function fail(
  options: RepositoryControllerOptions,
  key: ResourceKey,
  error: TagboatError,
): Promise<void> {
  const message = describeError(error);
  const now = timestamp(options.clock);
  await ignoringGone(
    mutateStatus<Repository>(options.store, key, (draft) => {
      const condition = { type: 'Ready', status: 'False' as const, reason: error.reason, message };
      const before = draft.status?.conditions?.find(({ type }) => type === 'Ready');
      if (before?.status === 'False' && before.message === message) return false;
      draft.status = { ...draft.status, conditions: withCondition(draft.status?.conditions, condition, now) };
      return undefined;
    }),
  );
}

async function ignoringGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
