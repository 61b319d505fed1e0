import { statusOf } from '@tagboat/apiserver';
import { httpStatusOf, invalid } from '@tagboat/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isOwnOrigin } from './origin.ts';
import { type SharedModelOptions, sharedModel } from './shared-model.ts';
import type { Share, Shares } from './shares.ts';
import { sendNotice } from './sign-in-page.ts';

export interface ShareRoutesOptions {
  readonly shares: Shares;
  readonly model: SharedModelOptions;
  /** Of the main port. */
  readonly url: () => string;
  readonly appsUrl: () => string;
}

interface ModelParams {
  Params: { namespace: string; model: string };
}

const cookieName = 'tagboat-share';

/**
 * For the owner: `/tagboat/shares` makes, lists and revokes links. For whoever has a link: `/shared/<token>` is
 * exchanged for a cookie that only `/shared/<namespace>/<model>` gets.
 */
export function shareRoutes(scope: FastifyInstance, options: ShareRoutesOptions): void {
  scope.setErrorHandler((error, _request, reply) => reply.code(httpStatusOf(error)).send(statusOf(error)));
  ownerRoutes(scope, options);
  scope.get<{ Params: { token: string } }>('/shared/:token', async (request, reply) => {
    const { token } = request.params;
    const share = await options.shares.check(token);
    if (!share) return expired(reply);
    const path = pathOf(share);
    const age = Math.max(1, Math.floor((share.expires - options.model.now()) / 1000));
    reply.header(
      'set-cookie',
      `${cookieName}=${token}; Path=${path}; HttpOnly; SameSite=Strict; Max-Age=${age}`,
    );
    return reply
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-store')
      .redirect(path, 303);
  });
  scope.get<ModelParams>('/shared/:namespace/:model', async (request, reply) => {
    // A strict cookie is not sent after a link on another site; the same request from our own page sends it.
    if (request.headers['sec-fetch-site'] === 'cross-site')
      return reply
        .type('text/html; charset=utf-8')
        .send('<!doctype html><meta http-equiv="refresh" content="0"><title>Tagboat</title>');
    if (!maySee(request)) return expired(reply);
    // The console's page is what answers wherever there is no route.
    reply.callNotFound();
    return reply;
  });
  scope.get<ModelParams>('/shared/:namespace/:model/data', async (request, reply) => {
    if (!maySee(request) || !isOwnOrigin(request)) return expired(reply);
    const { namespace, model } = request.params;
    const data = await sharedModel(options.model, { namespace, model });
    const expires = (await shareOf(options.shares, request))?.expires;
    return { ...data, appsUrl: options.appsUrl(), ...(expires ? { expires: new Date(expires) } : {}) };
  });
}

function ownerRoutes(scope: FastifyInstance, { shares, url }: ShareRoutesOptions): void {
  const told = (share: Share) => ({
    ...share,
    expires: new Date(share.expires).toISOString(),
    url: `${url()}/shared/${shares.tokenOf(share)}`,
  });
  scope.get<{ Querystring: { namespace?: string; model?: string } }>(
    '/tagboat/shares',
    async ({ query }) => ({
      items: (await shares.list({ namespace: query.namespace ?? '', name: query.model ?? '' })).map(told),
    }),
  );
  scope.post<{ Body: { namespace?: string; model?: string; days?: number } | null }>(
    '/tagboat/shares',
    async ({ body }, reply) => {
      if (typeof body?.namespace !== 'string' || typeof body.model !== 'string')
        throw invalid('expected {"namespace": ..., "model": ..., "days": ...}');
      const share = await shares.create({ namespace: body.namespace, name: body.model }, body.days ?? 7);
      return reply.code(201).send(told(share));
    },
  );
  scope.delete<{ Params: { namespace: string; name: string } }>(
    '/tagboat/shares/:namespace/:name',
    async ({ params }, reply) => {
      await shares.revoke(params);
      return reply.code(204).send();
    },
  );
}

/** The share that a request below `/shared/<namespace>/<model>` has a cookie for. */
export async function shareOf(shares: Shares, request: FastifyRequest): Promise<Share | undefined> {
  const [, namespace, model] = /^\/shared\/([^/?]+)\/([^/?]+)(?:\/data)?(?:\?|$)/.exec(request.url) ?? [];
  if (!namespace || !model) return undefined;
  const cookies = (request.headers.cookie ?? '').split(/;\s*/);
  for (const cookie of cookies.filter((one) => one.startsWith(`${cookieName}=`))) {
    const share = await shares.check(cookie.slice(cookieName.length + 1));
    if (share?.namespace === decodeURIComponent(namespace) && share.model === decodeURIComponent(model))
      return share;
  }
  return undefined;
}

/** A run's pod is somebody too, and has no business here. */
const maySee = ({ identity }: FastifyRequest) => identity?.kind === 'owner' || identity?.kind === 'share';

const pathOf = ({ namespace, model }: Share) =>
  `/shared/${encodeURIComponent(namespace)}/${encodeURIComponent(model)}`;

const expired = (reply: FastifyReply) =>
  sendNotice(reply, {
    code: 403,
    title: 'This link shows nothing any more',
    text: 'It has expired or was taken back. Ask whoever gave it to you for a new one: tagboat share MODEL.',
  });
