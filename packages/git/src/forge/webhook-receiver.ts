import { kinds, type Repository } from '@tagboat/api';
import { describeError, type Logger, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { forgeNameOf, forgeSpecOf, forgeTypes, type WebhookRequest, webhookSecretOf } from './forge.ts';

export interface WebhookOptions {
  readonly reader: Reader;
  readonly log: Logger;
  /** Looks at a repository, now. */
  readonly look: (namespace: string, name: string) => void;
}

/** GitHub sends at most this much. */
const largestBody = 25 * 2 ** 20;
const refused = { message: 'the signature is missing or wrong' };

/**
 * Takes webhooks of GitHub, GitLab and Gitea at `/<project>/<repository>`, or at `/` for the repositories that have the URL
 * that the webhook names, as Pipelines-as-Code's one address does. Only what is signed with the secret that the repository
 * names is taken, and all that it does is to make us look sooner: sent again it does nothing more.
 */
export async function webhookReceiver(app: FastifyInstance, options: WebhookOptions): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: largestBody }, (_request, body, done) =>
    done(null, body),
  );
  const take = async (request: FastifyRequest, repositories: readonly Repository[]): Promise<boolean> => {
    const webhook = webhookOf(request);
    let taken = false;
    for (const repository of repositories) {
      if (!(await verify(options, repository, webhook))) continue;
      options.look(repository.metadata.namespace ?? '', repository.metadata.name);
      taken = true;
    }
    return taken;
  };
  app.post<{ Params: { project: string; repository: string } }>(
    '/:project/:repository',
    { bodyLimit: largestBody },
    async (request, reply) => {
      const { project: namespace, repository: name } = request.params;
      const repository = await options.reader
        .get<Repository>({ type: kinds.Repository, namespace, name })
        .catch(() => undefined);
      // The same answer whether the repository, its secret or the signature is missing.
      if (!(await take(request, repository ? [repository] : []))) return reply.code(403).send(refused);
      return reply.code(202).send({ message: 'looked at' });
    },
  );
  app.post('/', { bodyLimit: largestBody }, async (request, reply) => {
    const urls = urlsIn(webhookOf(request));
    const { items } = await options.reader.list<Repository>(kinds.Repository);
    const named = items.filter(({ spec }) => spec?.url !== undefined && urls.has(plainUrl(spec.url)));
    if (!(await take(request, named))) return reply.code(403).send(refused);
    return reply.code(202).send({ message: 'looked at' });
  });
}

function webhookOf(request: FastifyRequest): WebhookRequest {
  return {
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([key, value]) => [key, Array.isArray(value) ? value[0] : value]),
    ),
  };
}

const plainUrl = (url: string) => url.toLowerCase().replace(/(\.git)?\/*$/, '');

/** The URLs of the repository that a webhook is about, as GitHub and Gitea (`repository`) and GitLab (`project`) name them. */
function urlsIn({ body, headers }: WebhookRequest): Set<string> {
  const text = body.toString('utf8');
  // GitHub's default: the same JSON as the one field of a form.
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  let payload: Record<string, Record<string, unknown> | undefined>;
  try {
    payload = JSON.parse((isForm ? new URLSearchParams(text).get('payload') : text) ?? '') ?? {};
  } catch {
    return new Set();
  }
  const { repository, project } = payload;
  const urls = [
    repository?.clone_url,
    repository?.html_url,
    repository?.ssh_url,
    project?.git_http_url,
    project?.web_url,
    project?.git_ssh_url,
  ];
  return new Set(urls.filter((url) => typeof url === 'string').map(plainUrl));
}

async function verify(
  { reader, log }: WebhookOptions,
  repository: Repository,
  webhook: WebhookRequest,
): Promise<boolean> {
  const { namespace, name } = repository.metadata;
  const not = (why: string) => {
    log.warn(`a webhook for ${namespace}/${name} was not taken: ${why}`);
    return false;
  };
  try {
    if (!forgeSpecOf(repository))
      return not('the repository names no forge (spec.forge or spec.git_provider)');
    const secret = await webhookSecretOf(reader, repository);
    if (!secret) return not('the repository names no webhookSecret');
    if (forgeTypes[forgeNameOf(repository)].verifies(webhook, secret)) return true;
    return not('its signature does not fit the secret of the repository');
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    return not(describeError(error));
  }
}
