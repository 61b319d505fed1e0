import { PassThrough, Readable } from 'node:stream';
import { apiVersionOf, kinds, type Pod, type PodAccess, type TypeRegistry } from '@tagboat/api';
import { type Logger, TagboatError } from '@tagboat/base';
import type { ResourceStore } from '@tagboat/store';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { groupsOf, parseResourcePath, type ResourcePath, resourceList } from './resource-path.ts';
import { type QueryString, Resources } from './resources.ts';
import { statusOf } from './status.ts';

export interface ApiServerOptions {
  readonly store: ResourceStore;
  readonly types: TypeRegistry;
  readonly log: Logger;
  /** What the node offers beside running pods; asked for with each request, since the API is there before the node. */
  readonly podAccess: () => PodAccess;
}

type Request = FastifyRequest<{ Querystring: Record<string, string | undefined> }>;

/** The Kubernetes API over the store: `/api`, `/apis` and `/version`. Who may do what is decided before. */
export async function apiServerPlugin(app: FastifyInstance, options: ApiServerOptions): Promise<void> {
  const { types, log } = options;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 3 * 2 ** 20 }, (_request, body, done) =>
    done(null, body),
  );
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status.code >= 500) log.error('the API failed', { error });
    return reply.code(status.code).send(status);
  });
  app.get('/version', async () => ({
    major: '1',
    minor: '32',
    gitVersion: 'v1.32.0+tagboat',
    platform: 'linux/amd64',
  }));
  app.get('/api', async () => ({ kind: 'APIVersions', versions: ['v1'] }));
  app.get('/api/v1', async () => resourceList(types, '', 'v1'));
  app.get('/apis', async () => ({
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groupsOf(types).map(({ group, versions }) => {
      const all = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
      return { name: group, versions: all, preferredVersion: all[0] };
    }),
  }));
  app.get<{ Params: { group: string; version: string } }>('/apis/:group/:version', async ({ params }) =>
    resourceList(types, params.group, params.version),
  );
  const resources = new Resources(options.store, types);
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = parseResourcePath(request.url.split('?')[0]!, types);
    return serve({ options, resources, path, request: request as Request, reply });
  };
  for (const prefix of ['/api/v1/*', '/apis/:group/:version/*'])
    app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], url: prefix, handler });
}

interface Call {
  readonly options: ApiServerOptions;
  readonly resources: Resources;
  readonly path: ResourcePath;
  readonly request: Request;
  readonly reply: FastifyReply;
}

async function serve(call: Call): Promise<unknown> {
  const { resources, path, request, reply } = call;
  const body = typeof request.body === 'string' ? request.body : '';
  if (path.subresource === 'log' && path.type.kind === 'Pod') return logs(call);
  if (path.subresource !== undefined && path.subresource !== 'status') throw unsupported(call);
  switch (request.method) {
    case 'GET':
      if (isTrue(request.query.watch)) return watch(call);
      return path.name === undefined ? resources.list(path, request.query) : resources.get(path);
    case 'POST':
      if (path.name !== undefined) throw unsupported(call);
      return reply.code(201).send(await resources.create(path, body));
    case 'PUT':
      return resources.update(path, body);
    case 'PATCH':
      return resources.patch(path, request.headers['content-type'] ?? '', body);
    default:
      return resources.delete(path);
  }
}

const isTrue = (text: string | undefined) => text === 'true' || text === '1';

const unsupported = ({ request, path }: Call) =>
  new TagboatError(
    `${request.method} is not supported on ${path.type.plural}${path.subresource ? `/${path.subresource}` : ''} (${apiVersionOf(path.type)})`,
    { reason: 'NotFound', retryable: false },
  );

function closed(call: Call): AbortSignal {
  const ended = new AbortController();
  call.reply.raw.on('close', () => ended.abort());
  return ended.signal;
}

function watch(call: Call): FastifyReply {
  const { resources, path, request, reply } = call;
  const query: QueryString = request.query;
  const stream = Readable.from(resources.watch(path, query, closed(call)), {
    objectMode: false,
    highWaterMark: 1,
  });
  return send(call, reply.type('application/json'), stream);
}

/** Headers go out at once, so that the client knows the stream began. */
function send(call: Call, reply: FastifyReply, stream: Readable): FastifyReply {
  const out = new PassThrough();
  stream.on('error', (error) => {
    call.options.log.debug('a stream ended early', { error });
    out.destroy();
  });
  stream.pipe(out);
  reply.raw.once('pipe', () => reply.raw.flushHeaders?.());
  return reply.send(out);
}

async function logs(call: Call): Promise<FastifyReply> {
  const { options, path, request, reply, resources } = call;
  const { query } = request;
  const pod = (await resources.get({ type: kinds.Pod, namespace: path.namespace!, name: path.name! })) as Pod;
  const names = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(
    ({ name }) => name,
  );
  const container = query.container ?? names[0] ?? '';
  if (!names.includes(container))
    throw new TagboatError(
      `container ${container} is not valid for pod ${path.name}; it has ${names.join(', ')}`,
      {
        reason: 'BadRequest',
        retryable: false,
      },
    );
  const { tailLines, sinceSeconds, sinceTime, limitBytes } = query;
  const since = sinceSeconds ? new Date(Date.now() - Number(sinceSeconds) * 1000).toISOString() : sinceTime;
  const lines = options.podAccess().logs({
    namespace: path.namespace!,
    pod: path.name!,
    container,
    ...(tailLines ? { tailLines: Number(tailLines) } : {}),
    ...(since ? { sinceTime: since } : {}),
    ...(limitBytes ? { limitBytes: Number(limitBytes) } : {}),
    timestamps: isTrue(query.timestamps),
    previous: isTrue(query.previous),
    follow: isTrue(query.follow),
    signal: closed(call),
  });
  return send(call, reply.type('text/plain'), Readable.from(await begun(lines), { objectMode: false }));
}

/** The same pieces, once the first is there: what goes wrong before it can still be answered with a Status. */
async function begun<T>(pieces: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = pieces[Symbol.asyncIterator]();
  let first: IteratorResult<T> | undefined = await iterator.next();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = first ? Promise.resolve(first) : iterator.next();
        first = undefined;
        return next;
      },
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    }),
  };
}
