import {
  apiVersionOf,
  type KubernetesObject,
  keyOf,
  parseSelector,
  type ResourceKey,
  type TypeRegistry,
} from '@tagboat/api';
import { isReason, notFound, TagboatError } from '@tagboat/base';
import { mutate, mutateStatus, type Query, type ResourceStore } from '@tagboat/store';
import { parse } from 'yaml';
import { patched } from './patch.ts';
import type { ResourcePath } from './resource-path.ts';
import { statusOf } from './status.ts';

export type QueryString = Readonly<Record<string, string | undefined>>;

/** The verbs of the Kubernetes API on stored objects. */
export class Resources {
  readonly #store: ResourceStore;
  readonly #types: TypeRegistry;

  constructor(store: ResourceStore, types: TypeRegistry) {
    this.#store = store;
    this.#types = types;
  }

  async get(path: ResourcePath): Promise<KubernetesObject> {
    const found = await this.#store.get(keyFor(path));
    if (!found) throw missing(path);
    return found;
  }

  async list(path: ResourcePath, query: QueryString): Promise<Record<string, unknown>> {
    const { type } = path;
    const limit = Number(query.limit ?? 0);
    const found = await this.#store.list(type, {
      ...storeQuery(path, query),
      ...(limit > 0 ? { limit } : {}),
      ...(query.continue ? { continue: query.continue } : {}),
    });
    const wanted = fieldFilter(query.fieldSelector);
    return {
      kind: `${type.kind}List`,
      apiVersion: apiVersionOf(type),
      metadata: {
        resourceVersion: found.resourceVersion,
        ...(found.continue ? { continue: found.continue } : {}),
        ...(found.remainingItemCount ? { remainingItemCount: found.remainingItemCount } : {}),
      },
      items: found.items.filter(wanted),
    };
  }

  /** One JSON line per event; begins with the current objects where no resourceVersion is given. */
  async *watch(path: ResourcePath, query: QueryString, signal: AbortSignal): AsyncGenerator<string> {
    const { type } = path;
    const wanted = fieldFilter(query.fieldSelector);
    let from = query.resourceVersion;
    if (from === undefined || from === '' || from === '0') {
      const listed = await this.#store.list(type, storeQuery(path, query));
      from = listed.resourceVersion;
      for (const object of listed.items) if (wanted(object)) yield line('ADDED', object);
    }
    try {
      for await (const event of this.#store.watch(type, storeQuery(path, query), { from, signal }))
        if (wanted(event.object)) yield line(event.type, event.object);
    } catch (error) {
      if (!isReason(error, 'Expired')) throw error;
      yield line('ERROR', statusOf(error));
    }
  }

  async create(path: ResourcePath, body: string): Promise<KubernetesObject> {
    return this.#store.create(this.#read(path, body));
  }

  async update(path: ResourcePath, body: string): Promise<KubernetesObject> {
    const object = this.#read(path, body);
    return path.subresource === 'status' ? this.#store.updateStatus(object) : this.#store.update(object);
  }

  async patch(path: ResourcePath, contentType: string, body: string): Promise<KubernetesObject> {
    const key = keyFor(path);
    if (contentType.startsWith('application/apply-patch+yaml') && !(await this.#store.get(key)))
      return this.create(path, body);
    const change = (draft: KubernetesObject) => {
      const next = this.#identified(path, patched(draft, contentType, body));
      for (const field of Object.keys(draft)) if (!(field in next)) delete (draft as never)[field];
      Object.assign(draft, next);
    };
    return path.subresource === 'status'
      ? mutateStatus(this.#store, key, change)
      : mutate(this.#store, key, change);
  }

  async delete(path: ResourcePath): Promise<KubernetesObject> {
    const object = await this.get(path);
    await this.#store.delete(keyOf(path.type, object));
    return (await this.#store.get(keyFor(path))) ?? object;
  }

  #read(path: ResourcePath, body: string): KubernetesObject {
    let value: unknown;
    try {
      value = parse(body, { schema: 'core' });
    } catch (cause) {
      throw bad(`the body cannot be read: ${(cause as Error).message.split('\n')[0]}`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw bad('expected an object in the body');
    return this.#identified(path, value as KubernetesObject);
  }

  #identified(path: ResourcePath, object: KubernetesObject): KubernetesObject {
    const { type, namespace, name } = path;
    const served = this.#types.find(object.apiVersion, object.kind);
    if (served !== type)
      throw bad(`expected ${apiVersionOf(type)} ${type.kind}, found ${object.apiVersion} ${object.kind}`);
    const metadata = { ...object.metadata };
    if (name !== undefined && metadata.name !== undefined && metadata.name !== name)
      throw bad(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
    if (namespace !== undefined && metadata.namespace !== undefined && metadata.namespace !== namespace)
      throw bad(
        `the namespace of the object (${metadata.namespace}) does not match the namespace on the request (${namespace})`,
      );
    if (name !== undefined) metadata.name = name;
    if (type.namespaced) metadata.namespace = namespace ?? metadata.namespace ?? 'default';
    return { ...object, metadata };
  }
}

const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;

const bad = (message: string) => new TagboatError(message, { reason: 'BadRequest', retryable: false });

const missing = ({ type, name }: ResourcePath) =>
  notFound(`${type.plural}${type.group ? `.${type.group}` : ''} "${name}" not found`);

function keyFor({ type, namespace, name }: ResourcePath): ResourceKey {
  if (name === undefined) throw bad('expected the name of an object');
  return { type, namespace: type.namespaced ? (namespace ?? '') : '', name };
}

function storeQuery({ namespace, name, type }: ResourcePath, query: QueryString): Query {
  return {
    ...(namespace !== undefined && type.namespaced ? { namespace } : {}),
    ...(name === undefined ? {} : { name }),
    ...(query.labelSelector ? { labels: parseSelector(query.labelSelector) } : {}),
  };
}

/** `metadata.name=x,status.phase!=Failed` (apimachinery `fields`). */
function fieldFilter(selector: string | undefined): (object: KubernetesObject) => boolean {
  const terms = (selector ?? '')
    .split(',')
    .filter(Boolean)
    .map((term) => {
      const match = /^([\w.]+)(==|!=|=)(.*)$/.exec(term);
      if (!match) throw bad(`invalid field selector "${term}"`);
      return { path: match[1]!.split('.'), equal: match[2] !== '!=', value: match[3]! };
    });
  return (object) =>
    terms.every(({ path, equal, value }) => {
      let found: unknown = object;
      for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
      return (String(found ?? '') === value) === equal;
    });
}
