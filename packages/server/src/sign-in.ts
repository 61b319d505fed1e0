import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Asked, isNavigation, isOwnOrigin, isProtocolPath } from './origin.ts';
import { type Sessions, sessionLifetime } from './sessions.ts';
import { sendSignInPage, signInHeaders } from './sign-in-page.ts';
import type { Identity, Tokens } from './tokens.ts';

/**
 * Signing in to the console, in this one place. The link that is printed at start carries the owner's token, which is
 * exchanged for a cookie at once, so that it stays neither in the address bar nor in the history.
 */
export class SignIn {
  readonly #tokens: Tokens;
  readonly #sessions: Sessions;

  constructor(tokens: Tokens, sessions: Sessions) {
    this.#tokens = tokens;
    this.#sessions = sessions;
  }

  /** Who a request is from: its `Authorization` header, else its cookie where it comes from our own pages. */
  async identify(request: Asked & { readonly url: string }): Promise<Identity | undefined> {
    const { authorization } = request.headers;
    if (authorization !== undefined) return this.#tokens.identify(authorization);
    if (!secretsOf(request).some((secret) => this.#sessions.has(secret))) return undefined;
    const page = isNavigation(request) && !isProtocolPath(pathOf(request.url));
    return page || isOwnOrigin(request) ? { kind: 'owner' } : undefined;
  }

  /** Answers a request that a browser makes before it is signed in; undefined where it is none of those. */
  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const path = pathOf(request.url);
    if (isProtocolPath(path) || !isNavigation(request)) return undefined;
    const target = URL.parse(request.url, 'http://tagboat') ?? new URL('http://tagboat/');
    const token = target.searchParams.get('token');
    if (token !== null) return this.#exchange(request, reply, { token, target });
    if (request.identity || path === '/sign-in') return undefined;
    if (request.headers['sec-fetch-site'] === 'cross-site') return askAgain(reply);
    return sendSignInPage(reply, { next: request.url });
  }

  /** `/sign-in` and `/sign-out`. */
  routes(scope: FastifyInstance): void {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 8192 },
      (_request, body, done) => done(null, new URLSearchParams(body as string)),
    );
    scope.get<{ Querystring: { next?: string } }>('/sign-in', async ({ query }, reply) =>
      sendSignInPage(reply, { next: localPath(query.next) }),
    );
    scope.post('/sign-in', async (request, reply) => {
      if (!isOwnOrigin(request)) return reply.code(403).type('text/plain').send('sign in from this page\n');
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      const token = tokenIn(form.get('token') ?? '');
      const target =
        URL.parse(localPath(form.get('next') ?? '/'), 'http://tagboat') ?? new URL('http://tagboat/');
      return this.#exchange(request, reply, { token, target });
    });
    scope.post('/sign-out', async (request, reply) => {
      if (!isOwnOrigin(request)) return reply.code(403).type('text/plain').send('sign out in the console\n');
      for (const secret of secretsOf(request)) await this.#sessions.end(secret);
      reply.header('set-cookie', `${cookieName(request)}=; ${attributes}; Max-Age=0`);
      return reply.headers(signInHeaders).redirect('/sign-in', 303);
    });
  }

  async #exchange(
    request: FastifyRequest,
    reply: FastifyReply,
    { token, target }: { token: string; target: URL },
  ): Promise<FastifyReply> {
    target.searchParams.delete('token');
    const next = target.pathname === '/sign-in' ? '/' : pathIn(target);
    if ((await this.#tokens.identify(`Bearer ${token}`))?.kind !== 'owner')
      return sendSignInPage(reply, { next, wrong: true });
    const secret = await this.#sessions.start();
    const age = Math.floor(sessionLifetime / 1000);
    reply.header('set-cookie', `${cookieName(request)}=${secret}; ${attributes}; Max-Age=${age}`);
    return reply.headers(signInHeaders).redirect(next, 303);
  }
}

const attributes = 'Path=/; HttpOnly; SameSite=Strict';

/** Cookies do not know ports, so two platforms on one machine need two names. */
function cookieName({ headers }: { headers: IncomingHttpHeaders }): string {
  return `tagboat-${/:(\d+)$/.exec(headers.host ?? '')?.[1] ?? '80'}`;
}

/** A page of the apps port can set cookies of our name too, of other paths: they must not hide the one that counts. */
function secretsOf(request: { headers: IncomingHttpHeaders }): string[] {
  const prefix = `${cookieName(request)}=`;
  const cookies = (request.headers.cookie ?? '').split(/;\s*/);
  return cookies.flatMap((cookie) => (cookie.startsWith(prefix) ? cookie.slice(prefix.length) : []));
}

const pathOf = (url: string) => url.split('?')[0]!;

/** Whoever pastes the whole link means the token in it. */
function tokenIn(text: string): string {
  return /[?&]token=([\w-]+)/.exec(text)?.[1] ?? text.trim();
}

/** A path on this origin, whatever a link says. */
function localPath(text = '/'): string {
  const url = URL.parse(text, 'http://tagboat');
  return url?.origin === 'http://tagboat' && text.startsWith('/') ? pathIn(url) : '/';
}

/** Path and query; two slashes at the beginning would make a host of what follows. */
const pathIn = ({ pathname, search }: URL) => `/${pathname.replace(/^\/+/, '')}${search}`;

/** A link on another site does not send a strict cookie; the same request from our own page does. */
function askAgain(reply: FastifyReply): FastifyReply {
  return reply
    .headers(signInHeaders)
    .type('text/html; charset=utf-8')
    .send('<!doctype html><meta http-equiv="refresh" content="0"><title>Tagboat</title>');
}
