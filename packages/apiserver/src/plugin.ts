import { kinds, type Pod, type PodAccess, type TypeRegistry } from '@tagboat/api';
import { type Clock, isReason, type Logger, systemClock } from '@tagboat/base';
import type { ObjectStore } from '@tagboat/store';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { discoveryRoutes } from './discovery-routes.ts';
import { serveLog } from './pod-log.ts';
import { ProtobufDecoder } from './protobuf/decode.ts';
import { isTrue, type QueryString } from './query.ts';
import { formatOf, represent } from './representation.ts';
import { parseResourcePath, type ResourcePath } from './resource-path.ts';
import { Resources, type WriteRequest } from './resources.ts';
import { review, type Subject } from './reviews.ts';
import { WatchServer } from './serve-watch.ts';
import { methodNotAllowed, noSuchResource, statusOf } from './status.ts';
import { partialMetadataList, tableOf } from './table/table.ts';

export interface ApiServerOptions {
  readonly store: ObjectStore;
  readonly types: TypeRegistry;
  readonly log: Logger;
  readonly clock?: Clock;
  /** What the node offers beside running pods; asked for with each request, since the API is there before the node. */
  readonly podAccess: () => PodAccess;
  /** Who asks; by default somebody who may do everything, since access is decided before. */
  readonly subject?: (request: FastifyRequest) => Subject;
  /** Shared with what else serves resources, such as CustomResourceDefinitions. */
  readonly resources?: Resources;
}

/** Objects of this many bytes and more are refused, as by Kubernetes and etcd. */
const largestBody = 3 * 2 ** 20;

const everybody = (): Subject => ({ username: 'owner', groups: ['system:authenticated'], allowed: true });

/** The Kubernetes API over the store: `/api`, `/apis`, `/openapi` and `/version`. Who may do what is decided before. */
export async function apiServerPlugin(app: FastifyInstance, options: ApiServerOptions): Promise<void> {
  const { types, log, store, clock = systemClock } = options;
  const resources = options.resources ?? new Resources(store, types, clock);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: largestBody }, (_request, body, done) =>
    done(null, body),
  );
  const protobuf = new ProtobufDecoder(resources.kinds.schemas);
  app.addContentTypeParser(
    'application/vnd.kubernetes.protobuf',
    { parseAs: 'buffer', bodyLimit: largestBody },
    async (_request: FastifyRequest, body: Buffer) => JSON.stringify(protobuf.decode(body)),
  );
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status.code >= 500) log.error('the API failed', { error });
    return reply.code(status.code).send(status);
  });
  discoveryRoutes(app, resources.kinds);
  const subject = options.subject ?? everybody;
  for (const group of ['authorization.k8s.io', 'authentication.k8s.io']) {
    const answer = async (request: FastifyRequest, reply: FastifyReply) => {
      const { resource } = request.params as { resource: string };
      return reply.code(201).send(review(resource, String(request.body ?? ''), subject(request)));
    };
    app.post(`/apis/${group}/v1/:resource`, answer);
    app.post(`/apis/${group}/v1/namespaces/:namespace/:resource`, answer);
  }
  const watches = new WatchServer({ store, resources, clock });
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = parseResourcePath(request.url.split('?')[0]!, types);
    return serve({ options, clock, resources, watches, path, request, reply });
  };
  for (const prefix of ['/api/v1/*', '/apis/:group/:version/*'])
    app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], url: prefix, handler });
  app.route({
    method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/apis/*',
    handler: async () => {
      throw noSuchResource();
    },
  });
}

interface Call {
  readonly options: ApiServerOptions;
  readonly clock: Clock;
  readonly resources: Resources;
  readonly watches: WatchServer;
  readonly path: ResourcePath;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

async function serve(call: Call): Promise<unknown> {
  const { path, request, resources } = call;
  if (path.subresource !== undefined && path.name !== undefined) return serveSubresource(call);
  const { method } = request;
  if (asks(method)) return read(call);
  const ofCollection = path.name === undefined;
  if (method === 'DELETE') return ofCollection ? removeAll(call) : remove(call);
  if (ofCollection !== (method === 'POST')) throw unsupported(call);
  return writeOne(call, resources);
}

/** The body of an answer to HEAD is left out by the HTTP server. */
const asks = (method: string) => method === 'GET' || method === 'HEAD';

async function serveSubresource(call: Call): Promise<unknown> {
  const { path, request, resources } = call;
  const { subresource, type } = path;
  if (type.kind === 'Pod' && type.group === '' && subresource === 'log') return log(call);
  if (subresource === 'scale') return scale(call);
  if (type.kind === 'Namespace' && subresource === 'finalize')
    return one(call, await resources.update({ ...write(call), path: withoutSubresource(path) }));
  if (!type.subresources.includes(subresource as 'status')) throw noSuchResource();
  if (asks(request.method)) return read(call);
  if (request.method === 'POST' || request.method === 'DELETE') throw unsupported(call);
  return writeOne(call, resources);
}

async function writeOne(call: Call, resources: Resources): Promise<unknown> {
  switch (call.request.method) {
    case 'POST':
      return one(call, await resources.create(write(call)), 201);
    case 'PUT':
      return one(call, await resources.update(write(call)));
    case 'PATCH':
      return one(call, await resources.patch(write(call)));
    default:
      throw unsupported(call);
  }
}

function withoutSubresource({ subresource: _, ...path }: ResourcePath): ResourcePath {
  return path;
}

const queryOf = (request: FastifyRequest) => request.query as QueryString;

async function read(call: Call): Promise<unknown> {
  const { path, request, reply, resources, clock } = call;
  const query = queryOf(request);
  const format = formatOf(request.headers.accept, query.includeObject);
  if (isTrue(query.watch) || path.watch) {
    reply.hijack();
    const served = call.watches.serve({ path, query, format, response: reply.raw });
    return served.catch((error: unknown) => refuse(reply, error));
  }
  if (path.name !== undefined) return one(call, await resources.get(path));
  if (format.as === 'object') return sendText(reply, await resources.listText(path, query));
  const source = { type: path.type, ...(await resources.list(path, query)) };
  if (format.as === 'metadata') return reply.send(partialMetadataList(source));
  const columns = resources.kinds.columns(path.type);
  return reply.send(tableOf(source, { columns, includeObject: format.includeObject, now: clock.now() }));
}

/** A hijacked reply is past fastify's error handler. */
function refuse(reply: FastifyReply, error: unknown): void {
  const status = statusOf(error);
  if (reply.raw.headersSent) return void reply.raw.destroy();
  reply.raw.writeHead(status.code, { 'content-type': 'application/json' });
  reply.raw.end(JSON.stringify(status));
}

/** One object, in the format that was asked for. */
function one(
  { path, request, reply, resources, clock, options }: Call,
  object: Awaited<ReturnType<Resources['get']>>,
  code = 200,
): FastifyReply {
  const format = formatOf(request.headers.accept, queryOf(request).includeObject);
  const stored = format.as === 'object' ? options.store.textOf(path.type, object) : undefined;
  if (stored !== undefined) return sendText(reply.code(code), stored);
  const columns = format.as === 'table' ? resources.kinds.columns(path.type) : [];
  const shown = represent(object, { type: path.type, format, columns, now: clock.now() });
  return sendText(reply.code(code), JSON.stringify(shown));
}

const sendText = (reply: FastifyReply, text: string) => reply.type('application/json').send(text);

function write({ path, request, reply }: Call): WriteRequest {
  const contentType = request.headers['content-type'] ?? '';
  const warnings: string[] = [];
  return {
    path,
    query: queryOf(request),
    body: typeof request.body === 'string' ? request.body : '',
    contentType,
    userAgent: request.headers['user-agent'] ?? '',
    warn: (message) => {
      // A header holds only so much.
      if (warnings.length >= 20) return;
      warnings.push(`299 - ${JSON.stringify(message.replace(/[^\x20-\x7e]/g, '?').slice(0, 500))}`);
      reply.header('warning', warnings);
    },
  };
}

async function remove(call: Call): Promise<unknown> {
  const { path, resources, reply } = call;
  const { object, gone } = await resources.delete(write(call));
  if (!gone) return one(call, object);
  return reply.send({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: object.metadata.name,
      ...(path.type.group ? { group: path.type.group } : {}),
      kind: path.type.plural,
      uid: object.metadata.uid,
    },
  });
}

async function removeAll(call: Call): Promise<unknown> {
  const { items, metadata } = await call.resources.deleteCollection(write(call));
  const { type } = call.path;
  const apiVersion = type.group ? `${type.group}/${type.version}` : type.version;
  return call.reply.send({ kind: `${type.kind}List`, apiVersion, metadata, items });
}

async function scale(call: Call): Promise<unknown> {
  const { resources, path, request } = call;
  switch (request.method) {
    case 'GET':
      return resources.getScale(path);
    case 'PUT':
    case 'PATCH':
      return resources.setScale(write(call), request.method);
    default:
      throw unsupported(call);
  }
}

async function log(call: Call): Promise<FastifyReply> {
  const { options, path, request, reply, resources, clock } = call;
  if (request.method !== 'GET') throw unsupported(call);
  const query = queryOf(request);
  const pod = { type: kinds.Pod, namespace: path.namespace!, name: path.name! };
  return serveLog({
    pod: (await resources.get(pod).catch((error: unknown) => leftPod(error, pod, query.container))) as Pod,
    query,
    reply,
    access: options.podAccess(),
    clock,
    log: options.log,
  });
}

/** Logs outlive their pods: of one that is gone, what a named container has left can still be read. */
function leftPod(
  error: unknown,
  { namespace, name }: { namespace: string; name: string },
  container: string | undefined,
): Pod {
  if (!isReason(error, 'NotFound') || !container || ![namespace, name, container].every(isName)) throw error;
  const spec = { containers: [{ name: container }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec } as Pod;
}

/** What cannot lead anywhere else as part of a path. */
const isName = (text: string) => /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);

const unsupported = ({ request, path }: Call) =>
  methodNotAllowed(
    `the server does not allow this method on the requested resource: ${request.method} ${path.type.plural}${path.subresource ? `/${path.subresource}` : ''}`,
  );
