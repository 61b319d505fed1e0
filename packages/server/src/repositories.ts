import { join } from 'node:path';
import { type KubernetesObject, kinds, type Repository } from '@tagboat/api';
import { shortHash } from '@tagboat/base';
import { credentialsOf, type Hosting } from '@tagboat/git';
import { type Credentials, fetchLfsObjects, fetchMirror, gitEnvironment } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';
import { deploymentRepositoryName } from '@tagboat/render';
import { createIfAbsent, type ResourceStore } from '@tagboat/store';

interface RepositoryAccess {
  readonly store: ResourceStore;
  readonly hosting: Hosting;
  /** The URL of `/git`. */
  readonly baseUrl: string;
  readonly home: string;
  /** The outside git server of `tagboat.config.yaml`, where there is one. */
  readonly code?: CodeServer | undefined;
}

export interface CodeServer {
  /** Repositories are below it, as `<url>/<project>/<name>.git`. */
  readonly url: string;
  readonly login: Credentials | undefined;
}

/** Where repositories are on this machine, whoever hosts them. */
export class Repositories {
  readonly #access: RepositoryAccess;

  constructor(access: RepositoryAccess) {
    this.#access = access;
  }

  /** Where a model's deployment repository is: on the outside git server where there is one, else here. */
  deploymentUrl(project: string, model: string): string {
    const { code, baseUrl } = this.#access;
    return `${code?.url ?? baseUrl}/${project}/${deploymentRepositoryName(model)}.git`;
  }

  /** What a Repository says of its credentials, else those of the outside git server it is on. */
  async credentialsFor(repository: Repository): Promise<Credentials | undefined> {
    const { code, store } = this.#access;
    const own = await credentialsOf(store, repository);
    return own ?? (code && repository.spec?.url?.startsWith(`${code.url}/`) ? code.login : undefined);
  }

  /** A bare clone of a Repository, up to date. */
  async mirrorOf(repository: Repository): Promise<string> {
    const { namespace = '', name } = repository.metadata;
    const { hosting } = this.#access;
    const url = repository.spec?.url;
    if (url === undefined) return hosting.ensure(namespace, name);
    const directory = hosting.path(namespace, name);
    const credentials = await this.credentialsFor(repository);
    await fetchMirror(url, directory, credentials ? { credentials } : {});
    return directory;
  }

  /** Git LFS objects of an outside repository, into its clone here; what is not there either is left out. */
  async fetchLfs(
    namespace: string,
    name: string,
    objects: readonly { oid: string; size: number }[],
  ): Promise<void> {
    const repository = await this.#access.store.get<Repository>({ type: kinds.Repository, namespace, name });
    const url = repository?.spec?.url;
    if (!repository || url === undefined) return;
    const credentials = await this.credentialsFor(repository);
    await fetchLfsObjects(url, this.#access.hosting.path(namespace, name), {
      pointers: objects,
      ...(credentials ? { credentials } : {}),
    });
  }

  /** A bare clone of any URL, up to date; what is hosted here is used where it is. */
  async byUrl(url: string): Promise<string> {
    const own = this.hostedAt(url);
    if (own) return this.#access.hosting.ensure(own.namespace, own.name);
    const known = await this.#repositoryAt(url);
    if (known) return this.mirrorOf(known);
    const directory = join(this.#access.home, 'git', '.mirrors', shortHash([url], 24));
    await fetchMirror(url, directory);
    return directory;
  }

  /** The credentials of an outside repository of this namespace, or of any for the owner. */
  async credentials(namespace: string | undefined, url: string): Promise<Credentials | undefined> {
    const repository = await this.#repositoryAt(url, namespace);
    if (!repository) return undefined;
    return (await this.credentialsFor(repository)) ?? ownersCredentials(url);
  }

  /** The directory that a git client is served from; the owner's first push makes the repository. */
  async open(
    namespace: string,
    name: string,
    { push, mayCreate }: { push: boolean; mayCreate: boolean },
  ): Promise<string | undefined> {
    const { store, hosting } = this.#access;
    const key = { type: kinds.Repository, namespace, name };
    const repository = await store.get<Repository>(key);
    if (repository) {
      const isOutside = repository.spec?.url !== undefined;
      if (isOutside && push) return undefined;
      // What is deployed is asked for in order to decide by it: as it is now, not as it was at the last look.
      const isDecidedBy = isOutside && repository.spec?.role === 'deployment';
      return isDecidedBy ? this.mirrorOf(repository) : hosting.ensure(namespace, name);
    }
    if (!push || !mayCreate) return undefined;
    hosting.path(namespace, name);
    // The object first: a directory without one is taken for what is left of a deleted repository.
    await ensureNamespace(store, namespace);
    await createIfAbsent<Repository>(store, key, {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name, namespace },
      spec: { role: 'source' },
    });
    return hosting.ensure(namespace, name);
  }

  /** The repository of this platform that a URL names. */
  hostedAt(url: string): { namespace: string; name: string } | undefined {
    const { baseUrl } = this.#access;
    const own = new URL(baseUrl);
    const asked = URL.canParse(url) ? new URL(url) : undefined;
    // localhost is this machine, too, and a login in a URL names no other place.
    const isHere = asked?.host === own.host || asked?.host === `localhost:${own.port}`;
    if (!asked || !isHere || asked.protocol !== own.protocol) return undefined;
    if (!asked.pathname.startsWith(`${own.pathname}/`)) return undefined;
    const [namespace, name] = asked.pathname.slice(own.pathname.length + 1).split('/');
    return namespace && name ? { namespace, name: name.replace(/\.git$/, '') } : undefined;
  }

  async #repositoryAt(url: string, namespace?: string): Promise<Repository | undefined> {
    const { items } = await this.#access.store.list<Repository>(
      kinds.Repository,
      namespace === undefined ? {} : { namespace },
    );
    return items.find(({ spec }) => spec?.url === url);
  }
}

export async function ensureNamespace(store: ResourceStore, name: string): Promise<void> {
  const namespace: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
  };
  await createIfAbsent(store, { type: kinds.Namespace, namespace: '', name }, namespace);
}

/** What the owner's own credential helpers know for a URL (git-credential(1)). */
async function ownersCredentials(url: string): Promise<Credentials | undefined> {
  const { code, stdout } = await runCommand('git', ['credential', 'fill'], {
    env: gitEnvironment({ environment: { GIT_ASKPASS: 'true', SSH_ASKPASS: 'true' } }),
    stdin: `url=${url}\n\n`,
    timeout: 10_000,
  });
  if (code !== 0) return undefined;
  const values = new Map(
    stdout
      .toString('utf8')
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const [username, password] = [values.get('username'), values.get('password')];
  return username && password ? { username, password } : undefined;
}
