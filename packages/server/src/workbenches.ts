import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { PodAccess } from '@tagboat/api';
import { statusOf } from '@tagboat/apiserver';
import { type Clock, type Logger, TagboatError } from '@tagboat/base';
import type { Controller } from '@tagboat/controller';
import { NodeLayout } from '@tagboat/node';
import { runCommand } from '@tagboat/process';
import type { ResourceStore } from '@tagboat/store';
import {
  type FollowLog,
  isWorkbenchPath,
  openUrl,
  Passes,
  WorkbenchGate,
  type WorkbenchRoutesOptions,
  WorkbenchTable,
  workbenchController,
  workbenchRoutes,
} from '@tagboat/workbenches';
import type { Gateway } from '@tagboat/workloads';
import type { FastifyInstance } from 'fastify';
import { checkHost, loopbackNames } from './access.ts';
import type { Tokens } from './tokens.ts';
import { upgradesAppsPort } from './upgraded.ts';

interface WorkbenchesOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokens: Tokens;
  readonly home: string;
  /** Of the two ports and the registry, known once they listen. */
  readonly urls: () => { readonly url: string; readonly appsUrl: string; readonly registry: string };
  readonly access: () => PodAccess;
}

export interface Workbenches extends AsyncDisposable {
  readonly gate: WorkbenchGate;
  readonly routes: WorkbenchRoutesOptions;
  controller(): Controller;
}

/** Models and workbenches have two host names, so that a page of the one is never in the origin of the other. */
const modelsHost = '127.0.0.1';
const workbenchesHost = 'localhost';

/** The workbenches room, put together with the node's logs and files, and the owner's token. */
export function openWorkbenches(options: WorkbenchesOptions): Workbenches {
  const { store, clock, tokens, urls } = options;
  const log = options.log.with({ part: 'workbenches' });
  const table = new WorkbenchTable({ reader: store, clock, log });
  const passes = new Passes(tokens.keyFor('workbenches'), clock);
  const followLog: FollowLog = (container, signal) =>
    options.access().logs({ ...container, follow: true, signal });
  const routes = {
    store,
    table,
    passes,
    followLog,
    clock,
    gitUser: hostGitUser,
    registry: () => urls().registry,
    workbenchesUrl: () => withHost(urls().appsUrl, workbenchesHost),
  };
  const gate = new WorkbenchGate({
    ...routes,
    log,
    isOwner: async (authorization) => (await tokens.identify(authorization))?.kind === 'owner',
    openUrl: (namespace, name) => `${urls().url}/workbenches/${namespace}/${name}/open`,
  });
  const layout = new NodeLayout(options.home);
  return {
    gate,
    routes,
    controller: () =>
      workbenchController({
        store,
        clock,
        log,
        gitUrl: `${urls().url}/git`,
        registry: urls().registry,
        traffic: gate.traffic,
        diskUse: (namespace, claim) => diskUse(layout.claim(namespace, claim)),
      }),
    async [Symbol.asyncDispose]() {
      gate.close();
      await table[Symbol.asyncDispose]();
    },
  };
}

/** Who the owner of this machine is to git. */
async function hostGitUser(): Promise<{ name: string; email: string } | undefined> {
  const read = async (key: string) =>
    (await runCommand('git', ['config', '--get', key])).stdout.toString('utf8').trim();
  const [name, email] = [await read('user.name'), await read('user.email')];
  return name && email ? { name, email } : undefined;
}

/** Bytes below a directory; 0 where there is none yet. */
async function diskUse(directory: string): Promise<number> {
  const { stdout } = await runCommand('du', ['-sk', '--', `${directory}/`], { timeout: 60_000 });
  return Number.parseInt(stdout.toString('utf8'), 10) * 1024 || 0;
}

function withHost(url: string, host: string): string {
  const changed = new URL(url);
  changed.hostname = host;
  return changed.origin;
}

/** The apps port: workbenches, and everything else that a user's code serves. */
export function appsPort({ gateway, gate }: { gateway: Gateway; gate: WorkbenchGate }): Server {
  const server = createServer({ shouldUpgradeCallback: upgradesAppsPort }, (request, response) => {
    if (gateway.servesHost(request.headers.host)) gateway.handle(request, response);
    else if (!checkHost(request.headers.host, loopbackNames))
      response.writeHead(403).end('this host name is not served here\n');
    else if (toOtherHost(request, response)) return;
    else if (isWorkbenchPath(request.url)) gate.handle(request, response);
    else gateway.handle(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (gateway.servesHost(request.headers.host)) gateway.upgrade(request, socket, head);
    else if (!checkHost(request.headers.host, loopbackNames)) socket.destroy();
    else if (isWorkbenchPath(request.url)) gate.upgrade(request, socket, head);
    else gateway.upgrade(request, socket, head);
  });
  return server;
}

const documents = new Set(['document', 'iframe', 'frame', 'embed', 'object']);

/** Sends pages to the host name that they belong to. @returns true where it did */
function toOtherHost(request: IncomingMessage, response: ServerResponse): boolean {
  if (!documents.has(String(request.headers['sec-fetch-dest']))) return false;
  const [, name = '', port = ''] = /^(.*?)(:\d+)?$/.exec(request.headers.host ?? '') ?? [];
  const wanted = isWorkbenchPath(request.url) ? workbenchesHost : modelsHost;
  if (name === wanted) return false;
  response
    .writeHead(307, { location: `http://${wanted}${port}${request.url}`, 'cache-control': 'no-store' })
    .end();
  return true;
}

/** What the console and the CLI ask about workbenches; only the owner may. */
export function registerWorkbenchRoutes(app: FastifyInstance, routes: WorkbenchRoutesOptions): void {
  app.register(
    async (scope) => {
      scope.addHook('onRequest', async (request, reply) => {
        if (request.identity?.kind === 'owner') return undefined;
        return reply
          .code(403)
          .send(statusOf(new TagboatError('only the owner uses workbenches', { reason: 'Forbidden' })));
      });
      scope.setErrorHandler((error, _request, reply) => {
        const status = statusOf(error);
        return reply.code(status.code).send(status);
      });
      await workbenchRoutes(scope, routes);
    },
    { prefix: '/tagboat/workbenches' },
  );
  app.get<{ Params: { namespace: string; name: string } }>(
    '/workbenches/:namespace/:name/open',
    async ({ params }, reply) =>
      reply.header('cache-control', 'no-store').redirect(await openUrl(routes, params), 303),
  );
}
