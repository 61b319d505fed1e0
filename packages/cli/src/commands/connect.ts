import { findCondition, kinds, type Repository, type RepositorySpec } from '@tagboat/api';
import { invalid, TagboatError } from '@tagboat/base';
import { type Client, until } from '@tagboat/client';
import { checkUrl } from '@tagboat/git-client';
import { defineCommand } from 'citty';
import { outputOption, tell } from '../output.ts';
import { about, connect, ensureProject, ensureRepository, nameFrom } from '../session.ts';
import { type UrlAndLogin, withoutLogin } from '../url-login.ts';
import { writeSecret } from '../write-secret.ts';

export default defineCommand({
  meta: { name: 'connect', description: 'Follows a repository of another git server: its new tags run here' },
  args: {
    url: {
      type: 'positional',
      required: true,
      description: 'a git URL, or team/name on the configured git server',
    },
    project: {
      type: 'string',
      alias: 'p',
      description: 'the project (a namespace); default: the repository',
    },
    secret: { type: 'string', description: 'a Secret with username and password, or token' },
    forge: {
      type: 'string',
      description: 'github, gitlab or gitea: follow its pull requests too, and write commit statuses back',
    },
    'webhook-secret': { type: 'string', description: 'a Secret with webhook-secret; with --forge' },
    app: {
      type: 'string',
      description: 'a Secret with github-application-id, github-private-key and webhook.secret: a GitHub App',
    },
    interval: { type: 'string', default: '60', description: 'seconds between looks' },
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const given = withoutLogin(await fullUrl(client, args.url));
    const url = checkUrl(given.url);
    const name = nameFrom((url.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? '').replace(/\.git$/, ''));
    const project = args.project ?? name;
    if (given.login && args.secret)
      throw invalid('expected the login in the URL or in --secret, found both', { hint: 'leave out one' });
    const secretName = given.login ? await keepLogin(client, { project, name }, given.login) : args.secret;
    const repository: Repository = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name, namespace: project },
      spec: {
        url,
        role: 'source',
        intervalSeconds: secondsOf(args.interval),
        ...(secretName ? { credentialsFrom: { secretName } } : {}),
        ...forgeOf(args.forge, { webhookSecret: args['webhook-secret'], app: args.app }),
      },
    };
    const key = { type: kinds.Repository, namespace: project, name };
    const known = await client.get(key);
    await ensureRepository(client, project, repository);
    await client.patch(key, { spec: repository.spec });
    const { status } = await until<Repository>(
      client,
      {
        type: key.type,
        namespace: project,
        what: `a first look at ${url}`,
        timeout: 30_000,
        hint: 'see: tagboat status',
      },
      (found) =>
        found.metadata.name === name && findCondition(found.status?.conditions, 'Ready') !== undefined,
    );
    const ready = findCondition(status?.conditions, 'Ready');
    if (ready?.status === 'False') {
      // What was never read is not to be looked at for ever.
      if (!known) await client.delete(key);
      throw new TagboatError(ready.message ?? 'cannot read it', { reason: ready.reason ?? 'Failed' });
    }
    const refs = Object.keys(status?.refs ?? {});
    const tags = refs.filter((ref) => ref.startsWith('refs/tags/')).length;
    const branches = refs.length - tags;
    const webhookUrl =
      (args['webhook-secret'] ?? args.app) ? `${client.url}/webhooks/${project}/${name}` : undefined;
    tell(args.output, { project, name, url, branches, tags, ...(webhookUrl ? { webhookUrl } : {}) }, [
      ...(webhookUrl
        ? [`webhooks are taken at ${webhookUrl}; without them a look every ${args.interval} s`]
        : []),
      `${project}/${name} follows ${url}: ${branches} branches, and ${tags} tags that are known and not run; the next new tag runs`,
    ]);
  },
});

/** A login is kept where secrets are, and nowhere else. @returns the Secret's name */
async function keepLogin(
  client: Client,
  { project, name }: { project: string; name: string },
  login: NonNullable<UrlAndLogin['login']>,
): Promise<string> {
  const secretName = `${name}-login`;
  await ensureProject(client, project);
  await writeSecret(client, { namespace: project, name: secretName }, login);
  return secretName;
}

function secondsOf(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw invalid(`expected --interval to be seconds, at least 1, found "${text}"`);
  return Number(text);
}

function forgeOf(
  type: string | undefined,
  { webhookSecret, app }: { webhookSecret: string | undefined; app: string | undefined },
): Partial<RepositorySpec> {
  if (type === undefined && webhookSecret === undefined && app === undefined) return {};
  if (type !== undefined && type !== 'github' && type !== 'gitlab' && type !== 'gitea')
    throw invalid(`expected --forge github, gitlab or gitea, found "${type}"`);
  return {
    forge: {
      ...(type ? { type } : {}),
      ...(webhookSecret ? { webhookSecret: { secretName: webhookSecret } } : {}),
      ...(app ? { app: { secretName: app } } : {}),
    },
  };
}

/** A name such as `team/prices` is a repository of the git server that `tagboat.config.yaml` names. */
async function fullUrl(client: Client, url: string): Promise<string> {
  if (!/^\w[\w.-]*(\/[\w.-]+)*$/.test(url)) return url;
  const { code } = await about(client);
  if (!code)
    throw invalid(`"${url}" is not a git URL`, {
      hint: 'give the whole URL, or name a git server under code in tagboat.config.yaml',
    });
  return `${code}/${url.replace(/\.git$/, '')}.git`;
}
