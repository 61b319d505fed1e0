import { apiVersionOf, type KubernetesObject, type ResourceKey, type ResourceType } from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import { splitLines } from './lines.ts';
import { socketMessages } from './socket.ts';

export interface ClientOptions {
  /** Of the main port, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Absent in a browser, where a cookie says who asks. */
  readonly token?: string;
  /** A browser opens few HTTP connections to one host, so it watches by WebSocket, as Kubernetes offers too. */
  readonly watchBy?: 'http' | 'websocket';
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** At most this many items; the answer then carries `continue`, to be given here for the next ones. */
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** A client of the Kubernetes API and of what the platform serves beside it. */
export class Client {
  readonly url: string;
  readonly token: string;
  readonly #watchBy: 'http' | 'websocket';

  constructor(options: ClientOptions) {
    this.url = options.url.replace(/\/$/, '');
    this.token = options.token ?? '';
    this.#watchBy = options.watchBy ?? 'http';
  }

  /** @returns undefined where there is none */
  async get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined> {
    const response = await this.#send('GET', pathOf(key.type, key.namespace, key.name));
    if (response.status === 404) return undefined;
    return (await this.#checked(response)).json() as Promise<T>;
  }

  async list<T extends KubernetesObject>(
    type: ResourceType,
    options: ListOptions = {},
  ): Promise<{ items: T[]; resourceVersion: string; continue?: string }> {
    const response = await this.#checked(await this.#send('GET', listPath(type, options)));
    const { items, metadata } = (await response.json()) as {
      items: T[];
      metadata: { resourceVersion: string; continue?: string };
    };
    return {
      items,
      resourceVersion: metadata.resourceVersion,
      ...(metadata.continue ? { continue: metadata.continue } : {}),
    };
  }

  /** Events after `from`; first everything that is there where `from` is absent. Ends when the signal aborts. */
  async *watch<T extends KubernetesObject>(
    type: ResourceType,
    options: ListOptions & { from?: string; signal?: AbortSignal },
  ): AsyncGenerator<WatchEvent<T>> {
    const path = listPath(type, options, { watch: 'true', resourceVersion: options.from ?? '' });
    for await (const line of uncut(await this.#watchLines(path, options.signal), options.signal)) {
      if (!line) continue;
      const event = JSON.parse(line) as WatchEvent<T> & {
        type: string;
        object: { message?: string; reason?: string };
      };
      if ((event.type as string) === 'ERROR')
        throw new TagboatError(event.object.message ?? 'the watch expired', {
          reason: event.object.reason ?? 'Expired',
        });
      yield event;
    }
  }

  async create<T extends KubernetesObject>(type: ResourceType, object: T): Promise<T> {
    const response = await this.#send('POST', pathOf(type, object.metadata.namespace), { body: object });
    return (await this.#checked(response)).json() as Promise<T>;
  }

  /** Creates the object, unless one of its name is there. */
  async createIfAbsent(type: ResourceType, object: KubernetesObject): Promise<void> {
    await this.create(type, object).catch((error: unknown) => {
      if (!isReason(error, 'AlreadyExists')) throw error;
    });
  }

  /** A JSON merge patch (RFC 7396). */
  async patch<T extends KubernetesObject>(key: ResourceKey, patch: unknown): Promise<T> {
    const path = pathOf(key.type, key.namespace, key.name);
    const response = await this.#send('PATCH', path, { body: patch, type: 'application/merge-patch+json' });
    return (await this.#checked(response)).json() as Promise<T>;
  }

  async delete(key: ResourceKey): Promise<void> {
    const response = await this.#send('DELETE', pathOf(key.type, key.namespace, key.name));
    await this.#checked(response);
  }

  /** The text of a container's log, as it comes where `follow` is set. */
  async *logs(
    pod: { namespace: string; name: string; container: string },
    options: { follow?: boolean; tailLines?: number; timestamps?: boolean; signal?: AbortSignal } = {},
  ): AsyncGenerator<string> {
    const query = new URLSearchParams({ container: pod.container });
    if (options.follow) query.set('follow', 'true');
    if (options.timestamps) query.set('timestamps', 'true');
    if (options.tailLines !== undefined) query.set('tailLines', String(options.tailLines));
    const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/log?${query}`;
    const response = await this.#checked(await this.#send('GET', path, { signal: options.signal }));
    yield* textOf(response);
  }

  /** A request to the platform's own endpoints. @throws what the platform answered */
  async request(method: string, path: string, body?: unknown): Promise<Response> {
    return this.#checked(await this.#send(method, path, body === undefined ? {} : { body }));
  }

  async #watchLines(path: string, signal: AbortSignal | undefined): Promise<AsyncGenerator<string>> {
    if (this.#watchBy === 'websocket')
      return socketMessages(`${this.url.replace(/^http/, 'ws')}${path}`, signal);
    const response = await this.#checked(await this.#send('GET', path, { signal }));
    return splitLines(textOf(response));
  }

  async #send(
    method: string,
    path: string,
    options: { body?: unknown; type?: string; signal?: AbortSignal | undefined } = {},
  ): Promise<Response> {
    const headers: Record<string, string> = this.token ? { authorization: `Bearer ${this.token}` } : {};
    if (options.body !== undefined) headers['content-type'] = options.type ?? 'application/json';
    try {
      return await fetch(`${this.url}${path}`, {
        method,
        headers,
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal ? { signal: options.signal } : {}),
      });
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw new TagboatError(`cannot reach Tagboat at ${this.url}`, {
        reason: 'Unavailable',
        hint: 'start it with: tagboat up',
        cause,
      });
    }
  }

  async #checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    const text = await response.text();
    let message = text.slice(0, 500) || response.statusText;
    let reason = response.status === 404 ? 'NotFound' : 'RequestFailed';
    try {
      const status = JSON.parse(text) as { message?: string; reason?: string };
      message = status.message ?? message;
      reason = status.reason ?? reason;
    } catch {
      // Not every server answers with a Status.
    }
    const hint = response.status === 401 ? 'see TAGBOAT_TOKEN, or config/token in TAGBOAT_HOME' : undefined;
    throw new TagboatError(message, { reason, ...(hint ? { hint } : {}) });
  }
}

/** The path of a collection, or of one object in it. */
export function pathOf(type: ResourceType, namespace?: string, name?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${apiVersionOf(type)}`;
  const scope = type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

function listPath(type: ResourceType, options: ListOptions, more: Record<string, string> = {}): string {
  const query = new URLSearchParams(more);
  for (const name of ['labelSelector', 'fieldSelector', 'limit', 'continue'] as const)
    if (options[name]) query.set(name, String(options[name]));
  return `${pathOf(type, options.namespace)}?${query}`;
}

async function* textOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value as Uint8Array, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** A watch whose connection is cut is to be begun again, as one that expired. @throws `Expired` */
async function* uncut(lines: AsyncIterable<string>, signal: AbortSignal | undefined): AsyncGenerator<string> {
  try {
    yield* lines;
  } catch (cause) {
    if (signal?.aborted || cause instanceof TagboatError) throw cause;
    throw new TagboatError('the connection of the watch was cut', { reason: 'Expired', cause });
  }
}
