import { userInfo } from 'node:os';
import { kinds, type PodAccess, type TypeRegistry } from '@tagboat/api';
import {
  apiServerPlugin,
  type Resources,
  servePodSockets,
  serveWatchSockets,
  statusOf,
} from '@tagboat/apiserver';
import { type Logger, systemClock, timestamp } from '@tagboat/base';
import type { Controller } from '@tagboat/controller';
import { type Hosting, Proposals, restApi, smartHttp, webhookReceiver } from '@tagboat/git';
import type { DriftWatch } from '@tagboat/monitoring';
import { type BlobStore, type RegistryOptions, registryPlugin } from '@tagboat/registry';
import { deploymentRepositoryName } from '@tagboat/render';
import type { ObjectStore } from '@tagboat/store';
import { incomingReceiver, type TriggerOptions } from '@tagboat/triggers';
import type { WorkbenchRoutesOptions } from '@tagboat/workbenches';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { accessHook, loopbackNames, mayWatch } from './access.ts';
import { applicationRoutes } from './application-routes.ts';
import { askServiceRoutes } from './ask-service.ts';
import { maintenanceRoutes } from './backup.ts';
import { serveConsole } from './console-files.ts';
import { driftRoutes } from './drift.ts';
import { imageBuildRoutes } from './image-builds.ts';
import { imageRoutes } from './image-routes.ts';
import type { Measurements } from './measurements.ts';
import type { Repositories } from './repositories.ts';
import { RunList, type RunQuery } from './run-list.ts';
import { shareRoutes } from './share-routes.ts';
import type { Shares } from './shares.ts';
import type { SignIn } from './sign-in.ts';
import { whole } from './started.ts';
import { trackUpgraded, upgradesMainPort } from './upgraded.ts';
import { registerWorkbenchRoutes } from './workbenches.ts';

export interface MainPortOptions {
  readonly store: ObjectStore;
  readonly home: string;
  readonly types: TypeRegistry;
  readonly resources: Resources;
  readonly log: Logger;
  readonly signIn: SignIn;
  readonly blobs: BlobStore;
  readonly podAccess: () => PodAccess;
  readonly repositories: () => Repositories;
  readonly hosting: () => Hosting;
  readonly repositoryController: () => Controller;
  readonly forgeController: () => Controller;
  /** Undefined while the platform starts. */
  readonly triggers: () => TriggerOptions | undefined;
  readonly pushed: NonNullable<RegistryOptions['pushed']>;
  readonly metrics: () => string;
  readonly measurements: Measurements;
  readonly drift: () => DriftWatch | undefined;
  readonly shares: Shares;
  readonly about: () => Record<string, unknown>;
  readonly health: () => Promise<object>;
  /** Removes what nothing uses, now. */
  readonly collect: () => Promise<object>;
  /** Where the console's build is. */
  readonly consoleDirectory: string;
  readonly workbenches: WorkbenchRoutesOptions;
}

/** The main port, with every room's HTTP face. */
export function mainPort(options: MainPortOptions): FastifyInstance {
  const { store, types, resources, log, signIn } = options;
  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    http: { shouldUpgradeCallback: upgradesMainPort },
    bodyLimit: 3 * 2 ** 20,
    routerOptions: { maxParamLength: 1000 },
  });
  app.addHook('onRequest', accessHook(signIn, loopbackNames, options.shares));
  app.register(async (scope) => signIn.routes(scope));
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error);
    if (status.code >= 500) log.error('a request failed', { error });
    return reply.code(status.code).send(status);
  });
  for (const path of ['/healthz', '/livez', '/readyz'])
    app.get(path, async (_request, reply) => reply.type('text/plain').send('ok'));
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(options.metrics()),
  );
  serveConsole(app, {
    directory: options.consoleDirectory,
    appsUrl: () => String(options.about().appsUrl ?? ''),
  });
  app.get('/tagboat', async () => whole(options.about()));
  maintenanceRoutes(app, { store, home: options.home, clock: systemClock });
  app.get('/tagboat/health', async () => options.health());
  app.post('/tagboat/collect', async () => options.collect());
  const runs = new RunList({ reader: store, clock: systemClock, log });
  app.addHook('onClose', async () => runs[Symbol.dispose]());
  app.get<{ Querystring: RunQuery }>('/tagboat/runs', async ({ query }) => runs.page(query));
  const authorize = mayWatch(signIn, loopbackNames);
  const endUpgraded = trackUpgraded(app.server);
  app.addHook('preClose', async () => endUpgraded());
  serveWatchSockets(app.server, { resources, types, log, authorize });
  servePodSockets(app.server, { resources, types, log, podAccess: options.podAccess, authorize });
  app.register((scope) => options.measurements.prometheus(scope), { prefix: '/prometheus' });
  app.register(async (scope) => options.measurements.routes(scope));
  app.register(async (scope) => driftRoutes(scope, options.drift));
  app.register(async (scope) =>
    applicationRoutes(scope, {
      reader: store,
      types,
      repository: (url) => options.repositories().byUrl(url),
    }),
  );
  app.register(async (scope) => imageRoutes(scope, options.blobs));
  app.register(async (scope) => imageBuildRoutes(scope));
  app.register(async (scope) => askServiceRoutes(scope, () => String(options.about().appsUrl ?? '')));
  app.register(async (scope) =>
    shareRoutes(scope, {
      shares: options.shares,
      model: { reader: store, series: options.measurements.store, now: () => systemClock.now() },
      url: () => String(options.about().url ?? ''),
      appsUrl: () => String(options.about().appsUrl ?? ''),
    }),
  );
  app.get<{ Querystring: { url?: string } }>('/git-credentials', async (request) => {
    const { identity, query } = request;
    const namespace = identity?.kind === 'pod' ? identity.namespace : undefined;
    return (await options.repositories().credentials(namespace, query.url ?? '')) ?? {};
  });
  app.register((scope) => registryPlugin(scope, { store: options.blobs, log, pushed: options.pushed }), {
    prefix: '/v2',
  });
  registerWorkbenchRoutes(app, options.workbenches);
  app.register((scope) => gitRoutes(scope, options), { prefix: '/git' });
  app.register((scope) => repositoryApi(scope, options), { prefix: '/git/api/v1' });
  app.register(
    (scope) =>
      webhookReceiver(scope, {
        reader: store,
        log,
        look: (namespace, name) => {
          const key = { type: kinds.Repository, namespace, name };
          options.repositoryController().enqueue(key);
          options.forgeController().enqueue(key);
        },
      }),
    { prefix: '/webhooks' },
  );
  app.register((scope) => incomingReceiver(scope, options.triggers));
  app.register((scope) =>
    apiServerPlugin(scope, { store, types, log, resources, podAccess: options.podAccess }),
  );
  return app;
}

/** The console's page of a repository. */
const repositoryPage = (options: MainPortOptions, namespace: string, name: string) =>
  `${String(options.about().url ?? '')}/projects/${namespace}/${name}`;

/** What whoever pushes is told: a deployment repository runs nothing, it is what is deployed. */
const pushNote = (options: MainPortOptions, namespace: string, name: string) =>
  name.endsWith(deploymentRepositoryName(''))
    ? `What it deploys: ${String(options.about().url ?? '')}/deployments\ntagboat apps`
    : `What it runs: ${repositoryPage(options, namespace, name)}\ntagboat runs -p ${namespace}`;

const userOf = ({ identity }: FastifyRequest) =>
  identity?.kind === 'pod' ? identity.pod : userInfo().username;

async function gitRoutes(scope: FastifyInstance, options: MainPortOptions): Promise<void> {
  const proposals = new Proposals({
    store: options.store,
    page: (namespace, name, number) => `${repositoryPage(options, namespace, name)}?pull=${number}`,
  });
  await smartHttp(scope, {
    log: options.log,
    userOf,
    fetchLfs: (namespace, name, objects) => options.repositories().fetchLfs(namespace, name, objects),
    proposals: {
      hooks: () => options.hosting().hooks(),
      note: (namespace, name) => pushNote(options, namespace, name),
      propose: (about, proposal) => proposals.take(about, proposal),
    },
    open: (namespace, name, { push, request }) =>
      options.repositories().open(namespace, name, { push, mayCreate: request.identity?.kind === 'owner' }),
    pushed: async (namespace, name) =>
      options.repositoryController().enqueue({ type: kinds.Repository, namespace, name }),
  });
}

async function repositoryApi(scope: FastifyInstance, options: MainPortOptions): Promise<void> {
  await restApi(scope, {
    store: options.store,
    log: options.log,
    open: (namespace, name) =>
      options.repositories().open(namespace, name, { push: false, mayCreate: false }),
    changed: async (namespace, name) =>
      options.repositoryController().enqueue({ type: kinds.Repository, namespace, name }),
    url: () => `${String(options.about().url ?? '')}/git/api/v1`,
    page: (namespace, name) => repositoryPage(options, namespace, name),
    now: () => timestamp(systemClock),
    userOf,
  });
}
