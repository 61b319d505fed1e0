import { kinds, type Repository } from '@tagboat/api';
import { describeError, httpStatusOf, notFound, TagboatError } from '@tagboat/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { checkBody } from './body-texts.ts';
import { commitCommentRoutes } from './commit-comment-routes.ts';
import { contentRoutes } from './content-routes.ts';
import { GitReader } from './git-reader.ts';
import { historyRoutes } from './history-routes.ts';
import { pullRoutes } from './pull-routes.ts';
import type { Opened, RestApiOptions, RestContext } from './rest-context.ts';
import { statusRoutes } from './status-routes.ts';
import { writeRoutes } from './write-routes.ts';

/**
 * Gitea's REST API (version 1) over hosted repositories and mirrors: what a console, an editor or a bot needs.
 * Who may see which repository is decided before.
 */
export async function restApi(app: FastifyInstance, options: RestApiOptions): Promise<void> {
  app.setErrorHandler((error, _request, reply) => sendError(error, reply, options));
  app.setNotFoundHandler((request, reply) =>
    sendError(notFound(`${request.method} ${request.url.split('?')[0]} is not served here`), reply, options),
  );
  app.addHook('preValidation', async ({ body }) => checkBody(body));
  const context: RestContext = { options, open: (request) => openRepository(request, options) };
  app.get('/version', async () => ({ version: '1.22.0+tagboat' }));
  app.get('/user', async (request) => {
    const login = options.userOf(request);
    return { id: 1, login, username: login, full_name: login };
  });
  historyRoutes(app, context);
  contentRoutes(app, context);
  writeRoutes(app, context);
  statusRoutes(app, context);
  commitCommentRoutes(app, context);
  pullRoutes(app, context);
}

function sendError(error: unknown, reply: FastifyReply, options: RestApiOptions): FastifyReply {
  const known = error instanceof TagboatError;
  const status = known && error.reason === 'Invalid' ? 422 : httpStatusOf(error);
  if (status >= 500) options.log.error('the API of the repositories failed', { error });
  const message = known || status < 500 ? describeError(error) : 'something went wrong; see the log';
  return reply.code(status).send({ message, url: `${options.url()}/version` });
}

async function openRepository(request: FastifyRequest, options: RestApiOptions): Promise<Opened> {
  const { owner: namespace, repo: name } = request.params as { owner: string; repo: string };
  const repository = await options.store
    .get<Repository>({ type: kinds.Repository, namespace, name })
    .catch(() => undefined);
  const directory = repository && (await options.open(namespace, name));
  if (!repository || !directory) throw notFound(`there is no repository ${namespace}/${name}`);
  return {
    namespace,
    name,
    repository,
    reader: new GitReader(directory),
    links: { api: `${options.url()}/repos/${namespace}/${name}`, page: options.page(namespace, name) },
  };
}
