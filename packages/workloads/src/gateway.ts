import { Agent, request as ask, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Clock, describeError, type Logger } from '@tagboat/base';
import { answered, forwarded } from './gateway-headers.ts';
import { GatewayMetrics } from './gateway-metrics.ts';
import { addressOf, idOf, type Target, targetOf } from './gateway-target.ts';
import { passUpgrade, type Upgrade } from './gateway-upgrade.ts';
import { RequestBody } from './request-body.ts';
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

/** Milliseconds: a service that answered within `recently` is waited for, for `patience`. */
const recently = 30_000;
const patience = 10_000;
/** How often a request goes to pods that it went to before, which may have started again. */
const mostRepeats = 3;

/** Bytes of a request's content that an observer may have. */
const mostInput = 4096;

/**
 * Routes `/<namespace>/<name>/...` to the ready pods of that Service, in turn. A pod that is no longer ready gets
 * nothing new, and what it has begun ends. A request whose pod was gone before it answered goes to another one.
 * Tagboat's own credentials are not forwarded.
 */
export class Gateway {
  readonly #metrics = new GatewayMetrics();
  readonly #options: GatewayOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512, keepAliveMsecs: 10_000, timeout: 0 });
  #turn = 0;
  readonly #lastServed = new Map<string, number>();
  readonly #started: number;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#started = options.clock.monotonic();
  }

  /** True where an Ingress or Route names this host: it is served here though it is none of the machine's own names. */
  servesHost(host: string | undefined): boolean {
    return host !== undefined && this.#options.routes.servesHost(host);
  }

  /** Handles one request of the apps port. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const target = this.#targetOf(request);
    if (!target || !this.#backends(target)) {
      this.#refuse(response, 404, this.#notFound(target));
      return;
    }
    if (target.path === '' && request.method === 'GET') {
      response.writeHead(308, { location: `/${target.namespace}/${target.name}/` }).end();
      return;
    }
    const exchange = {
      request,
      response,
      target,
      body: new RequestBody(request),
      sent: { bytes: 0, model: undefined },
    };
    const started = this.#options.clock.monotonic();
    response.on('close', () => this.#observe(exchange, this.#options.clock.monotonic() - started));
    this.#forward(exchange).catch((error: unknown) => {
      this.#options.log.error('a request was not passed on', { error });
      if (response.headersSent) response.destroy();
      else this.#refuse(response, 502, `${idOf(target)}: the request cannot be passed on`);
    });
  };

  /** Handles a protocol upgrade, such as a websocket. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // A client that goes away while its pod is waited for is no error.
    socket.on('error', () => socket.destroy());
    const target = this.#targetOf(request);
    if (!target || !this.#backends(target)) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
      return;
    }
    this.#upgrade({ request, socket, head, target }).catch((error: unknown) => {
      this.#options.log.error('an upgrade was not passed on', { error });
      socket.destroy();
    });
  };

  async #upgrade(upgrade: Upgrade): Promise<void> {
    const { target, socket } = upgrade;
    const backend = this.#pick(target, new Set()) ?? (await this.#returning(target, socket));
    if (backend) passUpgrade(upgrade, addressOf(backend, target));
    else socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
  }

  /** What was asked of each service, as Prometheus text. */
  metricsText(): string {
    for (const { metadata } of this.#options.routes.services()) {
      const name = /^(.+)-predictor$/.exec(metadata.name)?.[1];
      if (name) this.#metrics.known({ namespace: metadata.namespace ?? '', name });
    }
    return this.#metrics.text();
  }

  close(): void {
    this.#agent.destroy();
  }

  #observe({ request, response, target, body, sent }: Exchange, milliseconds: number): void {
    // 499: the client went away before there was an answer.
    const status = response.headersSent ? response.statusCode : 499;
    const method = request.method ?? '';
    this.#metrics.observe({ ...target, method }, status, milliseconds / 1000);
    this.#options.observe?.({
      namespace: target.namespace,
      name: target.name,
      method,
      path: target.path.split('?')[0] || '/',
      status,
      milliseconds,
      requestBytes: body.size,
      responseBytes: sent.bytes,
      model: sent.model,
      input: () => body.beginning(mostInput),
    });
  }

  async #forward(exchange: Exchange): Promise<void> {
    const { response, target, body } = exchange;
    const tried = new Set<string>();
    let until: number | undefined;
    for (let times = 0; ; times++) {
      const picked = this.#pick(target, tried);
      if (!picked) until ??= this.#options.clock.monotonic() + patience;
      const backend = picked ?? (await this.#returning(target, response, until));
      // One that ends whichever pod gets it is not sent for ever.
      if (!backend || times > tried.size + mostRepeats) {
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

  /** Hosts that an Ingress or Route names lead to its service, all others by path. */
  #targetOf(request: IncomingMessage): Target | undefined {
    const { routes } = this.#options;
    const url = request.url ?? '/';
    const rule = routes.rule(request.headers.host ?? '', url.split('?')[0]!);
    const byPath = rule?.host === undefined ? targetOf(url) : undefined;
    if (byPath && routes.backends(byPath.namespace, byPath.name)) return byPath;
    return rule ? { namespace: rule.namespace, name: rule.service, path: url, port: rule.port } : byPath;
  }

  #backends({ namespace, name, port }: Target): readonly Backend[] | undefined {
    return this.#options.routes.backends(namespace, name, port);
  }

  #pick(target: Target, tried: ReadonlySet<string>): Backend | undefined {
    const left = (this.#backends(target) ?? []).filter(({ pod }) => !tried.has(pod));
    return left[this.#turn++ % Math.max(1, left.length)];
  }

  /**
   * A pod of a service that served a moment ago, or before this process began: while pods change, start again or are
   * late with a probe under load, a request waits rather than fails.
   */
  async #returning(
    target: Target,
    client: ServerResponse | Duplex,
    until?: number,
  ): Promise<Backend | undefined> {
    const { clock, routes } = this.#options;
    const now = clock.monotonic();
    if (now - (this.#lastServed.get(idOf(target)) ?? this.#started) > recently) return undefined;
    const enough = new AbortController();
    const stop = () => enough.abort();
    using _timer = clock.after(until === undefined ? patience : until - now, stop);
    client.once('close', stop);
    try {
      for (;;) {
        await routes.changed(enough.signal);
        if (enough.signal.aborted) return undefined;
        const backend = this.#pick(target, new Set());
        if (backend) return backend;
      }
    } finally {
      client.off('close', stop);
    }
  }

  /** @returns `again` when the pod was gone before a byte of its answer came */
  #send(backend: Backend, { request, response, target, body, sent }: Exchange): Promise<'done' | 'again'> {
    return new Promise((resolve) => {
      const upstream = ask({
        ...addressOf(backend, target),
        method: request.method,
        headers: forwarded(request, target.prefix),
        agent: this.#agent,
      });
      let isAnswered = false;
      upstream.on('response', (answer) => {
        isAnswered = true;
        this.#lastServed.set(idOf(target), this.#options.clock.monotonic());
        try {
          response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answered(answer.headers));
        } catch (error) {
          // A status or reason that HTTP does not have: what a pod says must not end this process.
          answer.destroy();
          this.#refuse(
            response,
            502,
            `${idOf(target)}: the pod's answer is no HTTP: ${describeError(error)}`,
          );
          resolve('done');
          return;
        }
        sent.model = answer.headers['x-tagboat-model']?.toString();
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
        if (isAnswered) response.destroy();
        resolve(isAnswered ? 'done' : 'again');
      });
      // One that changes the protocol unasked is closed without an error.
      upstream.on('close', () => {
        if (!isAnswered) resolve('again');
      });
      response.once('close', () => {
        if (!response.writableFinished) upstream.destroy();
        resolve('done');
      });
      body.sendTo(upstream);
    });
  }

  #refuse(response: ServerResponse, code: number, message: string): void {
    const headers = { 'content-type': 'application/json', 'retry-after': '1' };
    response.writeHead(code, STATUS_CODES[code] ?? '', headers);
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
  readonly sent: { bytes: number; model: string | undefined };
}
