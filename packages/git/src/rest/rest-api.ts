import { kinds, type Repository } from '@tagboat/api';
import { describeError, httpStatusOf, type Logger, notFound, TagboatError } from '@tagboat/base';
import type { ResourceStore } from '@tagboat/store';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { contentRoutes } from './content-routes.ts';
import { GitReader } from './git-reader.ts';
import { historyRoutes } from './history-routes.ts';
import { pullRoutes } from './pull-routes.ts';
import type { Links } from './shapes.ts';
import { statusRoutes } from './status-routes.ts';
import { writeRoutes } from './write-routes.ts';

export interface RestApiOptions {
  readonly store: ResourceStore;
  /** The bare repository on disk, or undefined where there is none. */
  readonly open: (namespace: string, name: string) => Promise<string | undefined>;
  /** Called after the API moved a ref, so that what follows from it begins. */
  readonly changed: (namespace: string, name: string) => Promise<void>;
  /** The URL of this API, such as `http://127.0.0.1:8080/git/api/v1`. */
  readonly url: () => string;
  /** The console's page of a repository. */
  readonly page: (namespace: string, name: string) => string;
  readonly now: () => string;
  /** Who asks, as commits and comments name them. */
  readonly userOf: (request: FastifyRequest) => string;
  readonly log: Logger;
}

/** One repository that a request is about. */
export interface Opened {
  readonly namespace: string;
  readonly name: string;
  readonly repository: Repository;
  readonly reader: GitReader;
  readonly links: Links;
}

/** What the groups of routes share. */
export interface RestContext {
  readonly options: RestApiOptions;
  readonly open: (request: FastifyRequest) => Promise<Opened>;
}

/**
 * Gitea's REST API (version 1) over hosted repositories and mirrors: what a console, an editor or a bot needs.
 * Who may see which repository is decided before.
 */
export async function restApi(app: FastifyInstance, options: RestApiOptions): Promise<void> {
  app.setErrorHandler((error, _request, reply) => sendError(error, reply, options));
  app.setNotFoundHandler((request, reply) =>
    sendError(notFound(`${request.method} ${request.url.split('?')[0]} is not served here`), reply, options),
  );
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

export interface Page {
  readonly page: number;
  readonly limit: number;
  readonly skip: number;
}

/** `page` (from 1) and `limit` (at most 100) of a query. */
export function pageOf(query: unknown, { limit = 30, most = 100 } = {}): Page {
  const given = query as Record<string, string | undefined>;
  const number = (text: string | undefined, fallback: number) =>
    text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : fallback;
  const size = Math.min(Math.max(number(given.limit ?? given.per_page, limit), 1), most);
  const page = Math.max(number(given.page, 1), 1);
  return { page, limit: size, skip: (page - 1) * size };
}

/** Gitea's headers of a page. */
export function pageHeaders(reply: FastifyReply, page: Page, total: number): void {
  reply.header('x-total-count', total);
  reply.header('x-hasmore', String(page.skip + page.limit < total));
}

export const queryOf = (request: FastifyRequest) => request.query as Record<string, string | undefined>;
export const restOf = (request: FastifyRequest) => (request.params as { '*': string })['*'];
