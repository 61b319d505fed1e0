import { Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { findCondition, keyOf, kinds, type Notebook, notebookAnnotations, workbenchPath } from '@tagboat/api';
import { type Clock, describeError, type Logger } from '@tagboat/base';
import { mutate, type ResourceStore } from '@tagboat/store';
import { createProxyServer, type ProxyServer } from 'httpxy';
import { stopTimeOf } from './activity.ts';
import { missingPage, type Page, signInPage, startingPage, stoppedPage } from './pages.ts';
import type { Passes, PassSubject } from './passes.ts';
import { type FollowLog, progressOf } from './progress.ts';
import type { Upstream, WorkbenchTable } from './workbench-table.ts';

export interface GateOptions {
  readonly store: ResourceStore;
  readonly table: WorkbenchTable;
  readonly passes: Passes;
  readonly followLog: FollowLog;
  /** True where an `Authorization` header stands for the owner. */
  readonly isOwner: (authorization: string | undefined) => Promise<boolean>;
  /** The console's page that opens a workbench, for who comes without a pass. */
  readonly openUrl: (namespace: string, name: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Target {
  readonly namespace: string;
  readonly name: string;
  /** Below the workbench's own path, without query. */
  readonly rest: string;
  readonly query: URLSearchParams;
  readonly notebook: Notebook | undefined;
  readonly subject: PassSubject;
}

export const cookieName = 'tagboat-workbench';
export const ticketParameter = 'tagboat-ticket';

/**
 * What every page of JupyterLab listens to and asks each minute, hidden in a forgotten tab too, and what it loads to show
 * that nobody uses the workbench: no use of it.
 */
const unattended = /^(api\/(events\/subscribe|me|kernelspecs)$|static\/)/;

/** True for paths that belong to workbenches on the apps port. */
export const isWorkbenchPath = (url: string | undefined): boolean => url?.startsWith('/notebook/') ?? false;

/**
 * The way to workbenches on the apps port. Who has no pass is sent to the console; who has one reaches the Jupyter
 * server, with the server's token added and the pass taken away.
 */
export class WorkbenchGate {
  readonly #options: GateOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256, keepAliveMsecs: 10_000 });
  readonly #proxy: ProxyServer;
  readonly #traffic = new Map<string, { connections: number; lastRequest: number }>();

  constructor(options: GateOptions) {
    this.#options = options;
    this.#proxy = createProxyServer({ agent: this.#agent, proxyTimeout: 600_000 }) as ProxyServer;
    this.#proxy.on('proxyRes', (answer) => {
      // Jupyter offers a login of its own to whoever came with its token; here the pass is the only one.
      const cookies = answer.headers['set-cookie']?.filter((cookie) => cookie.startsWith('_xsrf'));
      if (cookies) answer.headers['set-cookie'] = cookies;
    });
    this.#proxy.on('error', (error, _request, response) => this.#unreachable(error, response));
  }

  /** Requests and open connections of one workbench. */
  readonly traffic = (namespace: string, name: string): { connections: number; lastRequest: number } =>
    this.#traffic.get(`${namespace}/${name}`) ?? { connections: 0, lastRequest: 0 };

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#handle(request, response).catch((error: unknown) => {
      this.#options.log.error('a request to a workbench failed', { error });
      if (!response.headersSent) sendText(response, 500, describeError(error));
      else response.destroy();
    });
  };

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.#upgrade(request, socket as Socket, head).catch((error: unknown) => {
      this.#options.log.warn('a connection to a workbench failed', { error });
      socket.destroy();
    });
  };

  close(): void {
    this.#agent.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = this.#target(request);
    if (!target) return sendText(response, 404, 'expected a path /notebook/<namespace>/<name>/');
    const path = workbenchPath(target.namespace, target.name);
    const ticket = target.query.get(ticketParameter);
    if (ticket !== null) return this.#exchange(target, ticket, response);
    const allowed = await this.#allowed(request, target);
    if (!allowed) return this.#stranger(request, response, target);
    if (!sameOrigin(request)) return sendText(response, 403, 'this request comes from another origin');
    if (allowed === 'renew') response.setHeader('set-cookie', this.#cookie(target));
    if (!target.notebook) return sendPage(response, 404, missingPage(`${target.namespace}/${target.name}`));
    if (target.rest === undefined) return redirect(response, path);
    if (target.rest === 'tagboat/progress') return this.#progress(target, response);
    if (target.rest === 'tagboat/events') return this.#events(target, response);
    if (target.rest === 'tagboat/start' && request.method === 'POST') return this.#start(target, response);
    const upstream = this.#options.table.upstream(target.namespace, target.name);
    if (!upstream) return this.#notRunning(request, response, target);
    if (!unattended.test(target.rest ?? '')) this.#seen(target).lastRequest = this.#options.clock.now();
    await this.#proxy.web(prepared(request), response, { target: upstream.url, headers: tokenOf(upstream) });
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const target = this.#target(request);
    const upstream = target && this.#options.table.upstream(target.namespace, target.name);
    if (!target || !(await this.#allowed(request, target)) || !sameOrigin(request))
      return void socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
    if (!upstream) return void socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
    // Who went meanwhile would be counted as connected for ever.
    if (socket.destroyed) return;
    if (!unattended.test(target.rest ?? '')) this.#count(target, socket);
    socket.setNoDelay(true);
    await this.#proxy.ws(
      prepared(request),
      socket,
      { target: upstream.url, headers: tokenOf(upstream) },
      head,
    );
  }

  #count(target: Target, socket: Socket): void {
    const seen = this.#seen(target);
    seen.connections++;
    socket.once('close', () => {
      seen.connections--;
      seen.lastRequest = this.#options.clock.now();
    });
  }

  #target(request: IncomingMessage): Target | undefined {
    const match = /^\/notebook\/([a-z0-9-]+)\/([a-z0-9.-]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(
      request.url ?? '',
    );
    if (!match) return undefined;
    const [namespace, name] = [match[1]!, match[2]!];
    const notebook = this.#options.table.notebook(namespace, name);
    return {
      namespace,
      name,
      rest: match[3] as string,
      query: new URLSearchParams(match[4] ?? ''),
      notebook,
      subject: { namespace, name, uid: notebook?.metadata.uid ?? '' },
    };
  }

  async #allowed(request: IncomingMessage, target: Target): Promise<'good' | 'renew' | undefined> {
    if (target.subject.uid !== '')
      for (const cookie of cookiesOf(request)) {
        if (!cookie.startsWith(`${cookieName}=`)) continue;
        const checked = this.#options.passes.check(cookie.slice(cookieName.length + 1), target.subject);
        if (checked) return checked;
      }
    return (await this.#options.isOwner(request.headers.authorization)) ? 'good' : undefined;
  }

  #exchange(target: Target, ticket: string, response: ServerResponse): void {
    target.query.delete(ticketParameter);
    const rest = target.query.size > 0 ? `?${target.query}` : '';
    // A ticket that was used, as by the back button, leads to where the cookie decides.
    if (this.#options.passes.redeem(ticket, target.subject))
      response.setHeader('set-cookie', this.#cookie(target));
    redirect(response, `${workbenchPath(target.namespace, target.name)}${target.rest ?? ''}${rest}`);
  }

  #cookie({ namespace, name, subject }: Target): string {
    const value = this.#options.passes.cookie(subject);
    return `${cookieName}=${value}; Path=${workbenchPath(namespace, name)}; HttpOnly; SameSite=Lax; Max-Age=43200`;
  }

  #stranger(request: IncomingMessage, response: ServerResponse, { namespace, name }: Target): void {
    if (isNavigation(request))
      sendPage(response, 401, signInPage(`${namespace}/${name}`, this.#options.openUrl(namespace, name)));
    else sendText(response, 401, 'open this workbench from the console, or with: tagboat workbench open');
  }

  #notRunning(request: IncomingMessage, response: ServerResponse, target: Target): void {
    const path = workbenchPath(target.namespace, target.name);
    const ready = findCondition(target.notebook?.status?.conditions, 'Ready');
    const stopped = target.notebook?.metadata.annotations?.[notebookAnnotations.stopped];
    if (!isNavigation(request))
      sendText(response, 503, `the workbench is ${ready?.reason ?? 'Starting'}: ${ready?.message ?? ''}`);
    else if (stopped === undefined) sendPage(response, 503, startingPage(target.name, path));
    else sendPage(response, 503, stoppedPage(target.name, path, `Stopped ${stopped}`));
  }

  async #start(target: Target, response: ServerResponse): Promise<void> {
    await startWorkbench(this.#options.store, target.notebook!, this.#options.clock);
    redirect(response, workbenchPath(target.namespace, target.name));
  }

  /** Tells a page of JupyterLab when the workbench is about to be stopped. Listening is no use of it. */
  #events({ namespace, name }: Target, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    let said: string | undefined;
    const tell = () => {
      const stopsAt = stopTimeOf(this.#options.table.notebook(namespace, name));
      const text = JSON.stringify({ stopsAt: stopsAt ?? null });
      if (text !== said) response.write(`data: ${text}\n\n`);
      said = text;
    };
    const listening = this.#options.table.listen(tell);
    response.on('close', () => listening[Symbol.dispose]());
    tell();
  }

  async #progress(target: Target, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for await (const event of progressOf(this.#options, target, gone.signal))
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    response.end();
  }

  #seen({ namespace, name }: Target): { connections: number; lastRequest: number } {
    const id = `${namespace}/${name}`;
    const seen = this.#traffic.get(id) ?? { connections: 0, lastRequest: 0 };
    this.#traffic.set(id, seen);
    return seen;
  }

  #unreachable(error: Error, response: unknown): void {
    this.#options.log.debug('a workbench does not answer', { error });
    const answer = response as Partial<ServerResponse> & { destroy?: () => void };
    if (answer && 'writeHead' in answer && !answer.headersSent)
      sendText(
        answer as ServerResponse,
        502,
        'the Jupyter server does not answer; it is started again if it ended',
      );
    else answer?.destroy?.();
  }
}

/** Takes the stop away, and asks for a new pod where the one before failed. */
export async function startWorkbench(store: ResourceStore, notebook: Notebook, clock: Clock): Promise<void> {
  const failed = findCondition(notebook.status?.conditions, 'Ready')?.reason === 'Failed';
  await mutate<Notebook>(store, keyOf(kinds.Notebook, notebook), (draft) => {
    const { [notebookAnnotations.stopped]: stopped, ...rest } = draft.metadata.annotations ?? {};
    if (stopped === undefined && !failed) return false;
    draft.metadata.annotations = {
      ...rest,
      ...(failed ? { [notebookAnnotations.restart]: String(clock.now()) } : {}),
    };
    return undefined;
  });
}

const cookiesOf = (request: IncomingMessage) => (request.headers.cookie ?? '').split(/;\s*/).filter(Boolean);

/** The request as the server may see it: without passes and tokens of ours. */
function prepared(request: IncomingMessage): IncomingMessage {
  const cookies = cookiesOf(request).filter((cookie) => !cookie.startsWith('tagboat'));
  if (cookies.length > 0) request.headers.cookie = cookies.join('; ');
  else delete request.headers.cookie;
  delete request.headers.authorization;
  return request;
}

const tokenOf = ({ token }: Upstream) => ({ authorization: `token ${token}` });

/** Browsers name the origin of what a page sends; only this one's own pages may act with the cookie. */
function sameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin !== undefined) return origin === `http://${host}` || origin === `https://${host}`;
  const site = request.headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin' || site === 'none' || isNavigation(request);
}

/** A browser that shows a page. */
function isNavigation({ method, headers }: IncomingMessage): boolean {
  if (method !== 'GET') return false;
  const destination = headers['sec-fetch-dest'];
  if (destination !== undefined) return destination === 'document' || destination === 'iframe';
  return (headers.accept ?? '').includes('text/html');
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).end();
}

function sendText(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ message }));
}

function sendPage(response: ServerResponse, code: number, { html, contentSecurityPolicy }: Page): void {
  response.writeHead(code, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': contentSecurityPolicy,
    'referrer-policy': 'same-origin',
  });
  response.end(html);
}
