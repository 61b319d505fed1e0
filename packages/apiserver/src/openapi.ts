import { apiVersionOf, type ResourceType } from '@tagboat/api';
import { sha256 } from '@tagboat/base';
import { subresourcesOf } from './discovery.ts';
import type { Kinds } from './kinds.ts';
import { closure, type Schema } from './schema/schema.ts';
import { noSuchResource } from './status.ts';

type Document = Record<string, unknown>;

const info = { title: 'Kubernetes', version: 'v1.32.0+tagboat' };
const query = (name: string, type: 'string' | 'boolean' | 'integer', description: string) => ({
  name,
  in: 'query',
  type,
  description,
});
const writing = [
  query('dryRun', 'string', 'All: everything is checked, nothing is kept.'),
  query('fieldManager', 'string', 'Who manages the fields that are written.'),
  query('fieldValidation', 'string', 'What becomes of unknown fields: Strict, Warn or Ignore.'),
];
const listing = [
  query('labelSelector', 'string', 'Which objects, by label.'),
  query('fieldSelector', 'string', 'Which objects, by field.'),
  query('limit', 'integer', 'At most this many objects in one answer.'),
  query('continue', 'string', 'Goes on where an earlier answer ended.'),
  query('resourceVersion', 'string', 'Of the state that is wanted.'),
  query('watch', 'boolean', 'Changes as they happen.'),
];
const deleting = [
  writing[0]!,
  query('propagationPolicy', 'string', 'What becomes of owned objects: Foreground, Background or Orphan.'),
  query('gracePeriodSeconds', 'integer', 'How long the object may take to end.'),
];
const patching = [...writing, query('force', 'boolean', 'Takes over fields that others manage.')];

interface Operation {
  readonly verb: string;
  readonly method: string;
  readonly parameters: readonly ReturnType<typeof query>[];
  readonly body?: true;
}

const collectionOperations: readonly Operation[] = [
  { verb: 'list', method: 'get', parameters: listing },
  { verb: 'post', method: 'post', parameters: writing, body: true },
  { verb: 'deletecollection', method: 'delete', parameters: [...listing, ...deleting] },
];
const objectOperations: readonly Operation[] = [
  { verb: 'get', method: 'get', parameters: [] },
  { verb: 'put', method: 'put', parameters: writing, body: true },
  { verb: 'patch', method: 'patch', parameters: patching, body: true },
  { verb: 'delete', method: 'delete', parameters: deleting },
];

/** The schemas and operations of every served kind, in OpenAPI's two versions. */
export class OpenApi {
  readonly #kinds: Kinds;
  readonly #cache = new Map<string, { body: string; etag: string }>();

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
    kinds.types.onChange(() => this.#cache.clear());
  }

  /** What `/openapi/v3` lists: one document per group and version, with a hash of its content. */
  index(): Document {
    const paths = Object.fromEntries(
      this.#groupVersions().map((groupVersion) => {
        const root = rootOf(groupVersion);
        const { etag } = this.v3(groupVersion);
        return [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${etag}` }];
      }),
    );
    return { paths };
  }

  /** OpenAPI 3.0 of one group and version. @throws `NotFound` */
  v3(groupVersion: string): { body: string; etag: string } {
    return this.#cached(`v3 ${groupVersion}`, () => {
      const types = this.#types(groupVersion);
      if (types.length === 0) throw noSuchResource();
      return {
        openapi: '3.0.0',
        info,
        paths: pathsOf(types, (type) => this.#kinds.schemaOf(type).name, 3),
        components: { schemas: this.#schemas(types, '#/components/schemas/') },
      };
    });
  }

  /** Swagger 2.0 of everything. */
  v2(): { body: string; etag: string } {
    return this.#cached('v2', () => {
      const types = this.#kinds.types.all();
      return {
        swagger: '2.0',
        info,
        paths: pathsOf(types, (type) => this.#kinds.schemaOf(type).name, 2),
        definitions: this.#schemas(types, '#/definitions/'),
      };
    });
  }

  #groupVersions(): string[] {
    return [...new Set(this.#kinds.types.all().map(apiVersionOf))];
  }

  #types(groupVersion: string): ResourceType[] {
    return this.#kinds.types.all().filter((type) => apiVersionOf(type) === groupVersion);
  }

  #schemas(types: readonly ResourceType[], prefix: string): Record<string, unknown> {
    const names = types.map((type) => this.#kinds.schemaOf(type).name);
    const all = closure(names, this.#kinds.schemas.definitions);
    return Object.fromEntries([...all].map(([name, schema]) => [name, published(schema, prefix)]));
  }

  #cached(key: string, make: () => Document): { body: string; etag: string } {
    let found = this.#cache.get(key);
    if (!found) {
      const body = JSON.stringify(make());
      found = { body, etag: sha256(body).replace('sha256:', '').toUpperCase() };
      this.#cache.set(key, found);
    }
    return found;
  }
}

const rootOf = (groupVersion: string) =>
  groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;

/** A schema with references in OpenAPI's form; what stands beside one goes in an `allOf`, which references may not have. */
function published(schema: Schema, prefix: string): unknown {
  const text = JSON.stringify(schema, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const { $ref, ...rest } = value as Schema;
    if (typeof $ref === 'string' && !$ref.startsWith('#')) {
      const reference = { $ref: prefix + $ref };
      if (Object.keys(rest).length === 0) return reference;
      return prefix.includes('components') ? { ...rest, allOf: [reference] } : { ...rest, ...reference };
    }
    return intOrString(value as Schema, prefix);
  });
  return JSON.parse(text);
}

/** Version 3 says it by alternatives, version 2 by a format. */
function intOrString(schema: Schema, prefix: string): unknown {
  if (!schema['x-kubernetes-int-or-string'] || schema.type || schema.oneOf) return schema;
  return prefix.includes('components')
    ? { ...schema, format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
    : { ...schema, type: 'string', format: 'int-or-string' };
}

function pathsOf(
  types: readonly ResourceType[],
  nameOf: (type: ResourceType) => string,
  version: 2 | 3,
): Document {
  const paths: Document = {};
  for (const type of types) {
    const scope = type.namespaced ? '/namespaces/{namespace}' : '';
    const base = `/${rootOf(apiVersionOf(type))}${scope}/${type.plural}`;
    const item = (operations: readonly Operation[]) =>
      pathItem(type, operations, { name: nameOf(type), version });
    paths[base] = item(collectionOperations);
    paths[`${base}/{name}`] = item(objectOperations);
    for (const { name, kind } of subresourcesOf(type))
      if (kind === type.kind && name !== 'log')
        paths[`${base}/{name}/${name}`] = item(objectOperations.slice(0, 3));
  }
  return paths;
}

function pathItem(
  type: ResourceType,
  operations: readonly Operation[],
  { name, version }: { name: string; version: 2 | 3 },
): Document {
  const groupVersionKind = { group: type.group, version: type.version, kind: type.kind };
  const reference = { $ref: (version === 2 ? '#/definitions/' : '#/components/schemas/') + name };
  return Object.fromEntries(
    operations.map(({ verb, method, parameters, body }) => [
      method,
      {
        'x-kubernetes-action': verb,
        'x-kubernetes-group-version-kind': groupVersionKind,
        ...(version === 2
          ? {
              parameters: [
                ...parameters,
                ...(body ? [{ name: 'body', in: 'body', required: true, schema: reference }] : []),
              ],
              responses: { 200: { description: 'OK', schema: reference } },
            }
          : {
              parameters: parameters.map(({ type: kind, ...rest }) => ({ ...rest, schema: { type: kind } })),
              ...(body ? { requestBody: { content: { '*/*': { schema: reference } } } } : {}),
              responses: {
                200: { description: 'OK', content: { 'application/json': { schema: reference } } },
              },
            }),
      },
    ]),
  );
}
