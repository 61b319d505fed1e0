import {
  Agent,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, delay, type Logger } from '@tagboat/base';
import { GatewayMetrics } from './gateway-metrics.ts';
import type { Backend, RouteTable } from './routes.ts';

export interface GatewayOptions {
  readonly routes: RouteTable;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every request when its answer has ended. */
  readonly observe?: (exchange: ServedExchange) => void;
}

/** What is known of one request and its answer. */
export interface ServedExchange {
  readonly namespace: string;
  readonly name: string;
  readonly method: string;
  /** Below the service's prefix, without the query. */
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Digest of the model, where the answer named one. */
  readonly model: string | undefined;
  /** The beginning of the request's content, as far as it is still there. */
  readonly input: () => string;
}

interface Target {
  readonly namespace: string;
  readonly name: string;
  /** Path and query below the service's prefix. */
  readonly path: string;
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
]);
/** Milliseconds: a service that answered within `recently` is waited for, for `patience`. */
const recently = 30_000;
const patience = 10_000;

const idOf = ({ namespace, name }: Target) => `${namespace}/${name}`;

/** Bodies up to this size are kept until the answer begins, so that a request can go to another pod. */
const replayable = 1 << 20;
/** Bytes of a request's content that an observer may have. */
const mostInput = 4096;

/**
 * Routes `/<namespace>/<name>/...` to the ready pods of that Service, in turn. A pod that is no longer ready gets
 * nothing new, and what it has begun ends. A request whose pod was gone before it answered goes to another one.
 * Tagboat's own credentials are not forwarded.
 */
export class Gateway {
  readonly metrics = new GatewayMetrics();
  readonly #options: GatewayOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512, keepAliveMsecs: 10_000, timeout: 0 });
  #turn = 0;
  readonly #lastServed = new Map<string, number>();
  readonly #started: number;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#started = options.clock.monotonic();
  }

  /** Handles one request of the apps port. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const target = targetOf(request.url ?? '/');
    const backends = target && this.#options.routes.backends(target.namespace, target.name);
    if (!target || !backends) {
      this.#refuse(response, 404, this.#notFound(target));
      return;
    }
    if (target.path === '' && request.method === 'GET') {
      response.writeHead(308, { location: `/${target.namespace}/${target.name}/` }).end();
      return;
    }
    const exchange = { request, response, target, body: new RequestBody(request), sent: { bytes: 0 } };
    const started = this.#options.clock.monotonic();
    response.on('close', () => this.#observe(exchange, this.#options.clock.monotonic() - started));
    void this.#forward(exchange);
  };

  /** Handles a protocol upgrade, such as a websocket. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const target = targetOf(request.url ?? '/');
    const backend = target && this.#pick(target, new Set());
    if (!target || !backend) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
      return;
    }
    const headers = {
      ...forwarded(request, target),
      connection: 'Upgrade',
      upgrade: request.headers.upgrade ?? '',
    };
    const upstream = ask({ ...addressOf(backend, target), method: request.method, headers, agent: false });
    upstream.on('upgrade', (answer, peer, first) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
      if (first.length > 0) socket.write(first);
      if (head.length > 0) peer.write(head);
      peer.pipe(socket).pipe(peer);
      peer.on('error', () => socket.destroy());
      socket.on('error', () => peer.destroy());
    });
    upstream.on('response', (answer) =>
      socket.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nconnection: close\r\n\r\n`),
    );
    upstream.on('error', () => socket.destroy());
    upstream.end();
  };

  close(): void {
    this.#agent.destroy();
  }

  #observe({ request, response, target, body, sent }: Exchange, milliseconds: number): void {
    this.metrics.observe(target, response.statusCode, milliseconds / 1000);
    this.#options.observe?.({
      namespace: target.namespace,
      name: target.name,
      method: request.method ?? '',
      path: target.path.split('?')[0] || '/',
      status: response.statusCode,
      milliseconds,
      requestBytes: body.size,
      responseBytes: sent.bytes,
      model: response.getHeader('x-tagboat-model')?.toString(),
      input: () => body.beginning(mostInput),
    });
  }

  async #forward(exchange: Exchange): Promise<void> {
    const { response, target, body } = exchange;
    const tried = new Set<string>();
    for (;;) {
      const backend = this.#pick(target, tried) ?? (await this.#returning(target, response));
      if (!backend) {
        const message = tried.size > 0 ? 'no pod of it answers' : 'no pod of it is ready yet';
        return this.#refuse(
          response,
          503,
          `${target.namespace}/${target.name}: ${message}; see: tagboat apps`,
        );
      }
      tried.add(backend.pod);
      const outcome = await this.#send(backend, exchange);
      if (outcome === 'done' || response.destroyed || response.headersSent) return;
      if (!body.replayable)
        return this.#refuse(
          response,
          502,
          `${target.namespace}/${target.name}: the pod ended before it answered`,
        );
    }
  }

  #pick(target: Target, tried: ReadonlySet<string>): Backend | undefined {
    const all = this.#options.routes.backends(target.namespace, target.name) ?? [];
    const left = all.filter(({ pod }) => !tried.has(pod));
    return left[this.#turn++ % Math.max(1, left.length)];
  }

  /**
   * A pod of a service that served a moment ago, or before this process began: while pods change, start again or are
   * late with a probe under load, a request waits rather than fails.
   */
  async #returning(target: Target, response: ServerResponse): Promise<Backend | undefined> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (now - (this.#lastServed.get(idOf(target)) ?? this.#started) > recently) return undefined;
    while (clock.monotonic() - now < patience && !response.destroyed) {
      await delay(clock, 50);
      const backend = this.#pick(target, new Set());
      if (backend) return backend;
    }
    return undefined;
  }

  /** @returns `again` when the pod was gone before a byte of its answer came */
  #send(backend: Backend, { request, response, target, body, sent }: Exchange): Promise<'done' | 'again'> {
    return new Promise((resolve) => {
      const upstream = ask({
        ...addressOf(backend, target),
        method: request.method,
        headers: forwarded(request, target),
        agent: this.#agent,
      });
      let answered = false;
      upstream.on('response', (answer) => {
        answered = true;
        this.#lastServed.set(idOf(target), this.#options.clock.monotonic());
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.headers));
        answer.on('data', (part: Buffer) => {
          sent.bytes += part.length;
        });
        answer.pipe(response);
        answer.on('end', () => resolve('done'));
        answer.on('error', () => {
          response.destroy();
          resolve('done');
        });
      });
      upstream.on('error', () => {
        if (answered) response.destroy();
        resolve(answered ? 'done' : 'again');
      });
      response.once('close', () => {
        if (!response.writableFinished) upstream.destroy();
        resolve('done');
      });
      body.sendTo(upstream);
    });
  }

  #refuse(response: ServerResponse, code: number, message: string): void {
    response.writeHead(code, { 'content-type': 'application/json', 'retry-after': '1' });
    response.end(JSON.stringify({ error: message }));
  }

  #notFound(target: Target | undefined): string {
    const known = this.#options.routes
      .services()
      .map(({ metadata }) => `/${metadata.namespace}/${metadata.name.replace(/-predictor$/, '')}/`);
    const listed =
      known.length > 0 ? `; here are: ${[...new Set(known)].sort().join(' ')}` : '; nothing is deployed yet';
    return `${target ? `there is no app at /${target.namespace}/${target.name}` : 'expected a path /<namespace>/<name>/'}${listed}`;
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly body: RequestBody;
  readonly sent: { bytes: number };
}

/** A request's body, kept while it is small so that it can be sent a second time. */
class RequestBody {
  readonly #request: IncomingMessage;
  readonly #kept: Buffer[] = [];
  #size = 0;
  #ended = false;
  #started = false;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  get size(): number {
    return this.#size;
  }

  /** At most `length` bytes of what is kept, as text. */
  beginning(length: number): string {
    return Buffer.concat(this.#kept).subarray(0, length).toString('utf8');
  }

  get replayable(): boolean {
    return this.#size <= replayable;
  }

  sendTo(upstream: NodeJS.WritableStream): void {
    for (const part of this.#kept) upstream.write(part);
    if (this.#ended) {
      upstream.end();
      return;
    }
    if (!this.#started) {
      this.#started = true;
      this.#request.on('data', (part: Buffer) => {
        this.#size += part.length;
        if (this.replayable) this.#kept.push(part);
        else this.#kept.length = 0;
      });
      this.#request.on('end', () => {
        this.#ended = true;
      });
    } else this.#request.unpipe();
    this.#request.pipe(upstream);
  }
}

function targetOf(url: string): Target | undefined {
  const match = /^\/([a-z0-9-]+)\/([a-z0-9.-]+)(\/.*|\?.*)?$/.exec(url);
  return match ? { namespace: match[1]!, name: match[2]!, path: match[3] ?? '' } : undefined;
}

function addressOf(backend: Backend, target: Target): RequestOptions {
  return {
    host: backend.host,
    port: backend.port,
    path: target.path.startsWith('/') ? target.path : `/${target.path}`,
  };
}

/** Request headers as the pod gets them: without Tagboat's credentials, with where it is reached. */
function forwarded(request: IncomingMessage, target: Target): Record<string, string | string[]> {
  const headers = endToEnd(request.headers);
  delete headers.authorization;
  const cookies = (request.headers.cookie ?? '')
    .split(/;\s*/)
    .filter((cookie) => cookie !== '' && !cookie.startsWith('tagboat'));
  if (cookies.length > 0) headers.cookie = cookies.join('; ');
  else delete headers.cookie;
  headers.host = request.headers.host ?? '';
  headers['x-forwarded-prefix'] = `/${target.namespace}/${target.name}`;
  headers['x-forwarded-host'] = request.headers.host ?? '';
  if (request.headers['transfer-encoding']) headers['transfer-encoding'] = 'chunked';
  return headers;
}

function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !hopByHop.has(name)) kept[name] = value;
  return kept;
}
