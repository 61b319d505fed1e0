import type { Repository } from '@tagboat/api';
import type { Logger } from '@tagboat/base';
import type { ResourceStore } from '@tagboat/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GitReader } from './git-reader.ts';
import type { Links } from './shapes.ts';

/** Where the routes of one repository begin. */
export const repo = '/repos/:owner/:repo';

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
