import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { invalid, notFound, slug, TagboatError } from '@tagboat/base';
import { Client } from '@tagboat/client';
import { type Credentials, git } from '@tagboat/git-client';
import type { Model } from '@tagboat/render';
import { defaultHome, ownerTokenFile } from '@tagboat/server';

/** What the running platform says of itself. */
export interface About {
  readonly version: string;
  readonly url: string;
  readonly appsUrl: string;
  /** Of the Kubernetes API over TLS, where it is served; and the authority to trust, in PEM. */
  readonly tlsUrl?: string;
  readonly certificateAuthority?: string;
  readonly registry: string;
  /** The outside git server, where one is configured. */
  readonly code?: string;
  readonly home: string;
  readonly driver: string;
  readonly driverNote?: string;
}

/** The platform that commands talk to: `TAGBOAT_URL` and `TAGBOAT_TOKEN`, else the one of this user's state directory. */
export async function connect(env: NodeJS.ProcessEnv = process.env): Promise<Client> {
  const home = defaultHome(env);
  const url =
    env.TAGBOAT_URL ??
    (await text(join(home, 'config', 'url'))) ??
    `http://127.0.0.1:${env.TAGBOAT_PORT ?? 8080}`;
  const given = env.TAGBOAT_TOKEN_FILE ? await text(env.TAGBOAT_TOKEN_FILE) : undefined;
  const token = env.TAGBOAT_TOKEN ?? given ?? (await text(ownerTokenFile(home)));
  if (!token)
    throw new TagboatError(`there is no Tagboat in ${home} yet`, {
      reason: 'Unavailable',
      hint: 'start it with: tagboat up; or say where it is with TAGBOAT_HOME, or TAGBOAT_URL and TAGBOAT_TOKEN',
    });
  if (!URL.canParse(url)) throw invalid(`expected a URL in TAGBOAT_URL, found "${url}"`);
  return new Client({ url, token });
}

/** The directory of the git repository that we are in. @throws `Invalid` */
export async function repositoryRoot(cwd = process.cwd()): Promise<string> {
  const top = await git(['rev-parse', '--show-toplevel'], { cwd }).catch(() => {
    throw invalid('expected a git repository here', { hint: 'git init, and commit your files' });
  });
  return top.stdout.toString('utf8').replace(/\n$/, '');
}

const text = (path: string) =>
  readFile(path, 'utf8').then(
    (content) => content.trim() || undefined,
    () => undefined,
  );

export async function about(client: Client): Promise<About> {
  return (await client.request('GET', '/tagboat')).json() as Promise<About>;
}

/** The link that signs a browser in; whoever has it is the owner. */
export const consoleLink = ({ url, token }: { url: string; token: string }) => `${url}/?token=${token}`;

/** The git credentials of the platform's own repositories. */
export const gitAccess = (client: Client) => ({
  credentials: { username: 'tagboat', password: client.token },
});

/** What the platform knows of an outside repository's credentials; without any, git asks the user's own helpers. */
export async function gitAccessTo(client: Client, url: string): Promise<{ credentials?: Credentials }> {
  if (url.startsWith(`${client.url}/`)) return gitAccess(client);
  const response = await client.request('GET', `/git-credentials?${new URLSearchParams({ url })}`);
  const { username, password } = (await response.json()) as Partial<Credentials>;
  return username && password ? { credentials: { username, password } } : {};
}

/** Project and repository that the current directory's git remotes name, if they are this platform's. */
export async function currentRepository(
  client: Client,
  cwd = process.cwd(),
): Promise<{ project: string; name: string; remote: string } | undefined> {
  const remotes = await git(['remote', '-v'], { cwd }).catch(() => undefined);
  for (const line of remotes?.stdout.toString('utf8').split('\n') ?? []) {
    const [remote = '', url = ''] = line.split(/\s+/);
    const match = /\/git\/([^/]+)\/([^/]+?)(\.git)?$/.exec(url);
    if (match && url.replace(/\/\/[^@/]*@/, '//').startsWith(client.url))
      return { project: match[1]!, name: match[2]!, remote };
  }
  return undefined;
}

/** The one model that is meant: by name, or by where we are, or because there is no other. @throws `NotFound` */
export async function findModel(
  client: Client,
  name: string | undefined,
  project: string | undefined,
): Promise<Model> {
  const here = await currentRepository(client);
  const scope = project ?? (name?.includes('/') ? name.split('/')[0] : here?.project);
  const plain = name?.split('/').at(-1);
  const modelsOf = async (namespace: string | undefined) =>
    (await client.list<Model>(kinds.Model, namespace ? { namespace } : {})).items;
  let items = await modelsOf(scope);
  const isNamed = ({ metadata }: Model) => metadata.name === plain;
  // The project of the directory is only a guess.
  if (plain && scope && scope === here?.project && scope !== project && !items.some(isNamed))
    items = await modelsOf(undefined);
  const named = plain ? items.filter(isNamed) : items;
  const found =
    named.length > 1 && !plain ? named.filter(({ spec }) => spec?.repository === here?.name) : named;
  if (found.length === 1) return found[0]!;
  const known = items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ');
  throw notFound(plain ? `there is no model "${plain}"` : 'which model?', {
    hint: known ? `there are ${known}` : 'push a repository with a tagboat.yaml first; see: tagboat init',
  });
}

/** The run of that name, which may be written `project/name`. @throws `NotFound`, `Invalid` */
export async function findRun(
  client: Client,
  name: string,
  project: string | undefined,
): Promise<PipelineRun> {
  const [plain = '', given = project] = name.split('/').reverse();
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, given ? { namespace: given } : {});
  const found = items.filter(({ metadata }) => metadata.name === plain);
  if (found.length > 1)
    throw invalid(`several projects have a run "${plain}"`, { hint: 'say which with --project' });
  if (!found[0]) throw notFound(`there is no run "${name}"`, { hint: 'see: tagboat runs' });
  return found[0];
}

export async function repositoryOf(client: Client, model: Model): Promise<Repository> {
  const namespace = model.metadata.namespace ?? '';
  const name = model.spec?.repository ?? '';
  const found = await client.get<Repository>({ type: kinds.Repository, namespace, name });
  if (!found) throw notFound(`the repository ${namespace}/${name} does not exist`);
  return found;
}

/** Whoever asks about a project that is not there is told so, not that it is empty. @throws `NotFound` */
export async function checkProject(client: Client, project: string | undefined): Promise<void> {
  if (project === undefined || (await client.get({ type: kinds.Namespace, namespace: '', name: project })))
    return;
  const { items } = await client.list<Repository>(kinds.Repository);
  const projects = [...new Set(items.map(({ metadata }) => metadata.namespace))].join(', ');
  throw notFound(`there is no project "${project}"`, {
    hint: projects ? `there are ${projects}` : 'there is none yet; see: tagboat init',
  });
}

/** Makes a project and a repository in it, unless they are there. */
export async function ensureRepository(
  client: Client,
  project: string,
  repository: Repository,
): Promise<void> {
  await ensureProject(client, project);
  await client.createIfAbsent(kinds.Repository, repository);
}

/** A project is there from the first thing that is put into it. */
export async function ensureProject(client: Client, project: string): Promise<void> {
  await client.createIfAbsent(kinds.Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: project },
  });
}

/** A repository that is hosted here. */
export const hostedRepository = (project: string, name: string): Repository => ({
  apiVersion: 'tagboat.dev/v1alpha1',
  kind: 'Repository',
  metadata: { name, namespace: project },
  spec: { role: 'source' },
});

/** A name for a project, repository or model out of any text, such as a directory's name. */
export const nameFrom = (text: string): string => slug(text).slice(0, 40).replace(/-+$/, '');
