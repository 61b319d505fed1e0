import type { IncomingMessage } from 'node:http';
import { statusOf } from '@tagboat/apiserver';
import { TagboatError } from '@tagboat/base';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isConsolePage } from './console-files.ts';
import { shareOf } from './share-routes.ts';
import type { Shares } from './shares.ts';
import type { SignIn } from './sign-in.ts';
import type { Identity, TaskScope } from './tokens.ts';
import { mayWorkbench } from './workbench-access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    identity?: Identity | undefined;
  }
}

const open = new Set(['/healthz', '/livez', '/readyz', '/metrics', '/', '/sign-in', '/sign-out']);

/** Refuses requests for another host name: a page elsewhere could otherwise reach this port through DNS rebinding. */
export function checkHost(header: string | undefined, allowed: ReadonlySet<string>): boolean {
  const name = (header ?? '').replace(/:\d+$/, '').toLowerCase();
  return allowed.has(name);
}

export const loopbackNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Decides for every request of the main port, before any room sees it. */
export function accessHook(signIn: SignIn, hosts: ReadonlySet<string>, shares?: Shares) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    if (!checkHost(request.headers.host, hosts))
      return reply.code(403).type('text/plain').send('this host name is not served here\n');
    const path = request.url.split('?')[0]!;
    // What a log, a blob or a file holds is shown as what it is and never runs; the console's pages set their own.
    reply.headers({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
    const identity = await signIn.identify(request);
    request.identity = identity;
    if (path.startsWith('/shared/')) {
      request.identity ??= await sharedWith(shares, request);
      return undefined;
    }
    const answered = await signIn.answer(request, reply);
    if (answered) return answered;
    if (!identity) return isOpen(request, path) ? undefined : unauthorized(request, reply);
    if (identity.kind === 'pod' && !mayPod(identity, request)) return forbidden(path, reply);
    return undefined;
  };
}

/** What needs no token: pages that sign in, and what checks a signature of its own. */
const isOpen = (request: FastifyRequest, path: string) =>
  open.has(path) ||
  (request.method === 'POST' && (/^\/webhooks(\/|$)/.test(path) || path === '/incoming')) ||
  isConsolePage(request);

/** Whether who opens a WebSocket to watch is the owner. */
export function mayWatch(signIn: SignIn, hosts: ReadonlySet<string>) {
  return async ({ headers, method = 'GET', url = '/', socket }: IncomingMessage): Promise<boolean> => {
    const protocol = 'encrypted' in socket ? 'https' : 'http';
    return (
      checkHost(headers.host, hosts) &&
      (await signIn.identify({ headers, method, url, protocol }))?.kind === 'owner'
    );
  };
}

async function sharedWith(
  shares: Shares | undefined,
  request: FastifyRequest,
): Promise<Identity | undefined> {
  const share = shares && (await shareOf(shares, request));
  return share && { kind: 'share', namespace: share.namespace, model: share.model };
}

function unauthorized(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url;
  reply.code(401);
  // A browser would put up its own dialog over the console, which has a page for this.
  if (request.headers['sec-fetch-site'] === undefined)
    reply.header('www-authenticate', 'Basic realm="tagboat"');
  if (path.startsWith('/v2'))
    return reply.send({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
  if (path.startsWith('/git')) return reply.type('text/plain').send('the token is missing or wrong\n');
  return reply.send(refusal('Unauthorized', 'the token is missing or wrong'));
}

function forbidden(path: string, reply: FastifyReply): FastifyReply {
  if (path.startsWith('/v2'))
    return reply
      .code(403)
      .send({ errors: [{ code: 'DENIED', message: 'a run may only use its own project' }] });
  return reply.code(403).send(refusal('Forbidden', 'a run may only use its own project'));
}

const refusal = (reason: 'Unauthorized' | 'Forbidden', message: string) =>
  statusOf(new TagboatError(message, { reason }));

/** A run's pod reaches the repositories and images of its own project, and nothing else; a workbench also its runs. */
export function mayPod(
  { namespace, onlyReads, workbench, scope }: Extract<Identity, { kind: 'pod' }>,
  { method, url }: Pick<FastifyRequest, 'method' | 'url'>,
): boolean {
  const [path = '', query = ''] = url.split('?');
  const decoded = decodedPath(path);
  if (decoded === undefined || decoded.includes('..') || !mayMount(namespace, query)) return false;
  if (onlyReads !== undefined)
    return mayRead(`/git/${namespace}/${onlyReads}`, { method, path: decoded, query });
  if (scope) return mayUserCode(namespace, scope, { method, path: decoded, query });
  if (workbench && mayWorkbench(namespace, workbench.environments, { method, path: decoded, query }))
    return true;
  // Below the repositories of a project of that name; all projects are reached by it.
  if (decoded.startsWith('/git/api/v1/')) return decoded.startsWith(`/git/api/v1/repos/${namespace}/`);
  return (
    decoded === '/v2/' ||
    decoded === '/v2' ||
    decoded === '/git-credentials' ||
    decoded === `/image-builds/${namespace}` ||
    decoded.startsWith(`/v2/${namespace}/`) ||
    decoded.startsWith(`/git/${namespace}/`)
  );
}

/** Undefined for what is no percent-encoding. */
function decodedPath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** Whether a blob that is taken over from another repository (distribution-spec, cross-repository mount) is the project's. */
function mayMount(namespace: string, query: string): boolean {
  const from = new URLSearchParams(query).getAll('from');
  return from.every((name) => name.startsWith(`${namespace}/`) && !name.includes('..'));
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: string;
}

/** What the built-in task around a user's code needs, since that code could read its token: nothing that releases. */
function mayUserCode(
  namespace: string,
  { access, model }: TaskScope,
  { method, path, query }: Asked,
): boolean {
  if (access === 'sources') {
    const [, , project, repository = ''] = path.split('/');
    return (
      project === namespace &&
      mayRead(`/git/${namespace}/${repository.replace(/\.git$/, '')}`, { method, path, query })
    );
  }
  if (path === '/v2/' || path === '/v2') return true;
  const kept = ['model', 'cache', 'notebooks', 'data', 'metrics'].map(
    (kind) => `${namespace}/${model}/${kind}`,
  );
  if (kept.some((repository) => path.startsWith(`/v2/${repository}/`)))
    return (
      method !== 'DELETE' && new URLSearchParams(query).getAll('from').every((name) => kept.includes(name))
    );
  if (access !== 'releases') return false;
  return mayRead(`/git/${namespace}/${model}-deployment`, { method, path, query });
}

/** A fetch of one repository, with its Git LFS content. */
function mayRead(repository: string, { method, path, query }: Asked): boolean {
  const rest = [`${repository}.git/`, `${repository}/`].find((start) => path.startsWith(start));
  if (rest === undefined) return false;
  const asked = `${method} ${path.slice(rest.length)}`;
  if (asked === 'GET info/refs') return query === 'service=git-upload-pack';
  return (
    asked === 'POST git-upload-pack' ||
    asked === 'POST info/lfs/objects/batch' ||
    asked.startsWith('GET info/lfs/objects/')
  );
}
