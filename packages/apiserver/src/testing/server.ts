import { TypeRegistry } from '@tagboat/api';
import { type Clock, silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify';
import { CustomResources } from '../custom/custom-resources.ts';
import { apiServerPlugin } from '../plugin.ts';
import { Resources } from '../resources.ts';

/** The API over a store in memory, with a namespace `default`. */
export class TestServer implements AsyncDisposable {
  readonly store: ObjectStore;
  readonly resources: Resources;
  readonly app: FastifyInstance;
  readonly #custom: CustomResources;

  private constructor(parts: {
    store: ObjectStore;
    resources: Resources;
    app: FastifyInstance;
    custom: CustomResources;
  }) {
    this.store = parts.store;
    this.resources = parts.resources;
    this.app = parts.app;
    this.#custom = parts.custom;
  }

  static async start(options: { clock?: Clock; historyLimit?: number } = {}): Promise<TestServer> {
    const { clock = systemClock } = options;
    const types = new TypeRegistry();
    const store = new ObjectStore({ types, ...options });
    await store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    const resources = new Resources(store, types, clock);
    const custom = await CustomResources.start({ store, kinds: resources.kinds, clock, log: silentLogger });
    const app = Fastify({ forceCloseConnections: true });
    await apiServerPlugin(app, {
      store,
      types,
      resources,
      clock,
      log: silentLogger,
      podAccess: () => {
        throw new Error('there are no pods here');
      },
    });
    return new TestServer({ store, resources, app, custom });
  }

  /** One request; a body that is no text is sent as JSON. */
  request(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<LightMyRequestResponse> {
    const text =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return this.app.inject({
      method,
      url,
      headers: {
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        'user-agent': 'test/1',
        ...headers,
      },
      ...(text === undefined ? {} : { payload: text }),
    });
  }

  /** Listens on a free port. @returns its URL */
  listen(): Promise<string> {
    return this.app.listen({ host: '127.0.0.1', port: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.#custom[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}
