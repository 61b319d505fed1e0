import { type HttpMethod, type KubeConfig, RequestContext } from '@kubernetes/client-node';
import {
  type KubernetesObject,
  keyOf,
  type ResourceKey,
  type ResourceType,
  type TypeRegistry,
} from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type {
  DeleteOptions,
  List,
  Query,
  Reader,
  WatchEvent,
  WatchOptions,
  WriteOptions,
  Writer,
} from '@tagboat/store';
import { fetch, type Response } from 'undici';
import { parametersOf, pathOf, pathOfKey } from './paths.ts';

export interface ClusterStoreOptions {
  readonly config: KubeConfig;
  readonly types: TypeRegistry;
  /** Names the manager of the fields that are written. */
  readonly fieldManager?: string;
}

interface Call {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

type Raw = KubernetesObject & { items?: KubernetesObject[] };

/** Reads and writes the objects of a Kubernetes cluster. Errors have the reasons that the cluster gives. */
export class ClusterStore implements Reader, Writer {
  readonly #config: KubeConfig;
  readonly #types: TypeRegistry;
  readonly #fieldManager: string;
  #dispatcher: ReturnType<RequestContext['getDispatcher']>;

  constructor({ config, types, fieldManager = 'tagboat' }: ClusterStoreOptions) {
    this.#config = config;
    this.#types = types;
    this.#fieldManager = fieldManager;
  }

  async get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined> {
    try {
      return await this.#json<T>('GET', pathOfKey(key));
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async list<T extends KubernetesObject>(type: ResourceType, query: Query = {}): Promise<List<T>> {
    const path = pathOf(type, { namespace: query.namespace });
    const found = await this.#json<Raw>('GET', path, { query: parametersOf(query) });
    const {
      resourceVersion = '',
      continue: next,
      remainingItemCount,
    } = found.metadata as unknown as Omit<List<T>, 'items'>;
    const head = { apiVersion: found.apiVersion, kind: type.kind };
    return {
      // The items of a list leave out what the list says for all of them.
      items: (found.items ?? []).map((item) => ({ ...head, ...item }) as T),
      resourceVersion,
      ...(next ? { continue: next } : {}),
      ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
    };
  }

  async *watch<T extends KubernetesObject>(
    type: ResourceType,
    query: Query,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    const { signal } = options;
    const from = options.from ?? (await this.list(type, { ...query, limit: 1 })).resourceVersion;
    const parameters = { ...parametersOf(query), watch: 'true', resourceVersion: from };
    try {
      const path = pathOf(type, { namespace: query.namespace });
      const response = await this.#send('GET', path, { query: parameters, signal });
      for await (const line of linesOf(response)) {
        if (signal?.aborted) return;
        const { type: change, object } = JSON.parse(line) as { type: string; object: T };
        if (change === 'ERROR') throw errorOf(object as unknown as StatusBody);
        if (change !== 'BOOKMARK') yield { type: change as WatchEvent<T>['type'], object };
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }

  async create<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const type = this.#types.of(object);
    const path = pathOf(type, { namespace: object.metadata.namespace });
    return this.#json<T>('POST', path, { query: this.#writing(options), body: object });
  }

  async update<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#put(object, options);
  }

  async updateStatus<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#put(object, options, 'status');
  }

  async delete(key: ResourceKey, options: DeleteOptions = {}): Promise<KubernetesObject | undefined> {
    const { uid, resourceVersion, propagation, dryRun, gracePeriodSeconds } = options;
    const answer = await this.#json<KubernetesObject>('DELETE', pathOfKey(key), {
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        ...(propagation ? { propagationPolicy: propagation } : {}),
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(dryRun ? { dryRun: ['All'] } : {}),
        ...(uid || resourceVersion
          ? { preconditions: { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) } }
          : {}),
      },
    });
    return answer.kind === 'Status' ? undefined : answer;
  }

  #put<T extends KubernetesObject>(object: T, options: WriteOptions, subresource?: string): Promise<T> {
    const key = keyOf(this.#types.of(object), object);
    return this.#json<T>('PUT', pathOfKey(key, subresource), { query: this.#writing(options), body: object });
  }

  #writing({ dryRun }: WriteOptions): Record<string, string> {
    return { fieldManager: this.#fieldManager, ...(dryRun ? { dryRun: 'All' } : {}) };
  }

  async #json<T>(method: string, path: string, call: Call = {}): Promise<T> {
    return (await (await this.#send(method, path, call)).json()) as T;
  }

  async #send(method: string, path: string, { query = {}, body, signal }: Call): Promise<Response> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster)
      throw new TagboatError('the kubeconfig names no cluster', { reason: 'Invalid', retryable: false });
    const url = new URL(cluster.server + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const context = new RequestContext(url.href, method as HttpMethod);
    await this.#config.applySecurityAuthentication(context);
    // Each context brings a dispatcher of its own: the first is kept, so that connections are.
    this.#dispatcher ??= context.getDispatcher();
    const dispatcher = this.#dispatcher;
    const response = await fetch(url, {
      method,
      headers: { ...context.getHeaders(), accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(dispatcher ? { dispatcher: dispatcher as never } : {}),
      ...(signal ? { signal } : {}),
    }).catch((cause: unknown) => {
      if (signal?.aborted) throw cause;
      throw new TagboatError(`cannot reach the cluster at ${cluster.server}`, {
        reason: 'Unavailable',
        cause,
      });
    });
    if (response.ok) return response;
    throw errorOf((await response.json().catch(() => ({}))) as StatusBody, response.status);
  }
}

interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
}

/** Reasons of which trying again can make something better. */
const passing = new Set([
  'Conflict',
  'Expired',
  'Timeout',
  'ServerTimeout',
  'TooManyRequests',
  'ServiceUnavailable',
  'InternalError',
]);

function errorOf({ reason, message, code }: StatusBody, status = code): TagboatError {
  const known = reason === 'Gone' ? 'Expired' : reason;
  return new TagboatError(message ?? `the cluster answered ${status}`, {
    reason: known ?? (status === 404 ? 'NotFound' : status === 410 ? 'Expired' : 'RequestFailed'),
    retryable: known === undefined || passing.has(known),
  });
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of response.body ?? []) {
    const lines = (rest + decoder.decode(piece as Uint8Array, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line) yield line;
  }
}
