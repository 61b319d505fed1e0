import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { aggregatedDiscovery, groupList, groupOf, resourceList } from './discovery.ts';
import type { Kinds } from './kinds.ts';
import { OpenApi } from './openapi.ts';
import { encodeOpenApiV2 } from './protobuf/openapi-v2.ts';

const aggregated = /application\/json;g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList/;

/** What the server has: versions, groups, resources (one by one and all together), schemas. */
export function discoveryRoutes(app: FastifyInstance, kinds: Kinds): void {
  const { types } = kinds;
  const openApi = new OpenApi(kinds);
  let encoded: { etag: string; bytes: Buffer } | undefined;
  app.get('/version', async () => ({
    major: '1',
    minor: '32',
    gitVersion: 'v1.32.0+tagboat',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`,
  }));
  app.get('/api', async (request, reply) =>
    discovered(request, reply, {
      legacy: () => ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }),
      all: (version) => withVersion(aggregatedDiscovery(types, true), version),
    }),
  );
  app.get('/apis', async (request, reply) =>
    discovered(request, reply, {
      legacy: () => groupList(types),
      all: (version) => withVersion(aggregatedDiscovery(types, false), version),
    }),
  );
  app.get('/api/v1', async () => resourceList(types, '', 'v1'));
  app.get<{ Params: { group: string } }>('/apis/:group', async ({ params }) => groupOf(types, params.group));
  app.get<{ Params: { group: string; version: string } }>('/apis/:group/:version', async ({ params }) =>
    resourceList(types, params.group, params.version),
  );
  app.get('/openapi/v3', async () => openApi.index());
  app.get<{ Params: { '*': string } }>('/openapi/v3/*', async (request, reply) =>
    tagged(request, reply, openApi.v3(request.params['*'].replace(/^apis?\//, ''))),
  );
  app.get('/openapi/v2', async (request, reply) => {
    const { body, etag } = openApi.v2();
    if (!(request.headers.accept ?? '').includes('protobuf')) return tagged(request, reply, { body, etag });
    encoded = encoded?.etag === etag ? encoded : { etag, bytes: encodeOpenApiV2(JSON.parse(body)) };
    return reply.type(protobufType).header('etag', `"${etag}"`).send(encoded.bytes);
  });
}

const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

interface Discoveries {
  readonly legacy: () => object;
  readonly all: (version: string) => { body: string; etag: string };
}

function discovered(request: FastifyRequest, reply: FastifyReply, { legacy, all }: Discoveries): unknown {
  reply.header('vary', 'Accept');
  const wanted = aggregated.exec(request.headers.accept ?? '');
  if (!wanted) return legacy();
  const type = `application/json;g=apidiscovery.k8s.io;v=${wanted[1]};as=APIGroupDiscoveryList`;
  return tagged(request, reply.header('content-type', type), all(wanted[1]!));
}

function withVersion({ body, etag }: { body: string; etag: string }, version: string) {
  return version === 'v2'
    ? { body, etag }
    : { body: body.replace('apidiscovery.k8s.io/v2', `apidiscovery.k8s.io/${version}`), etag };
}

function tagged(
  request: FastifyRequest,
  reply: FastifyReply,
  { body, etag }: { body: string; etag: string },
) {
  const tag = etag.startsWith('"') ? etag : `"${etag}"`;
  reply.header('etag', tag).header('cache-control', 'no-cache, private');
  if (request.headers['if-none-match'] === tag) return reply.code(304).send();
  if (!reply.getHeader('content-type')) reply.type('application/json');
  return reply.serializer((text: string) => text).send(body);
}
