import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { kinds, type Repository, TypeRegistry } from '@tagboat/api';
import { CustomResources, Resources } from '@tagboat/apiserver';
import {
  type Clock,
  createLogger,
  type Logger,
  systemClock,
  TagboatError,
  timestamp,
  writeFileAtomic,
} from '@tagboat/base';
import { type Controller, EventExpiry, GarbageCollector, namespaceController } from '@tagboat/controller';
import {
  forgeController,
  Hosting,
  pullRequestController,
  repositoryController,
  statusReporter,
} from '@tagboat/git';
import { applicationController } from '@tagboat/gitops';
import { experimentController, modelController } from '@tagboat/model';
import { RunMetrics } from '@tagboat/monitoring';
import { engineProblem, type HostTools, hostEnvironment, type Node, startNode } from '@tagboat/node';
import { createPipelineControllers, Settings, tektonDenial } from '@tagboat/pipelines';
import { BlobStore } from '@tagboat/registry';
import { inferenceServiceController } from '@tagboat/serving';
import { type ObjectStore, openDiskStore } from '@tagboat/store';
import {
  pullTriggerController,
  retentionController,
  statusController,
  type TriggerOptions,
  triggerController,
} from '@tagboat/triggers';
import { createWorkloadControllers, Gateway, RouteTable, type Startable } from '@tagboat/workloads';
import type { FastifyInstance } from 'fastify';
import { type Configuration, credentialsOfPort } from './configuration.ts';
import { healthOf } from './health.ts';
import { type Images, openImages } from './images.ts';
import { mainPort } from './main-port.ts';
import { Measurements } from './measurements.ts';
import { type CodeServer, ensureNamespace, Repositories } from './repositories.ts';
import { Sessions } from './sessions.ts';
import { Shares } from './shares.ts';
import { SignIn } from './sign-in.ts';
import { openTlsPort } from './tls-port.ts';
import { Tokens } from './tokens.ts';
import { appsPort, openWorkbenches } from './workbenches.ts';

export interface PlatformOptions {
  readonly configuration: Configuration;
  readonly tools: HostTools;
  readonly clock?: Clock;
  readonly log?: Logger;
}

export interface Platform extends AsyncDisposable {
  /** Of the main port. */
  readonly url: string;
  readonly appsUrl: string;
  readonly token: string;
  readonly driver: string;
  readonly driverNote: string | undefined;
}

/** Starts the whole platform on this machine. Dispose to stop it; what runs is ended, what is declared stays. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { configuration, clock = systemClock } = options;
  const log =
    options.log ?? createLogger({ write: (line) => process.stderr.write(`${line}\n`), level: 'warn' });
  const { home } = configuration;
  await mkdir(home, { recursive: true, mode: 0o700 });
  await using stack = new AsyncDisposableStack();
  const types = new TypeRegistry();
  const store = stack.use(
    await openDiskStore({
      directory: join(home, 'store'),
      keyFile: join(home, 'config', 'store-key'),
      types,
      clock,
    }),
  );
  const resources = new Resources(store, types, clock);
  const settings = new Settings({ reader: store, log });
  resources.refuseWhere((object, before) => tektonDenial(object, before, settings.current));
  const customLog = log.with({ part: 'custom resources' });
  stack.use(await CustomResources.start({ store, kinds: resources.kinds, clock, log: customLog }));
  const tokens = await Tokens.open(home, store);
  const rooms: {
    node?: Node;
    repositories?: Repositories;
    triggers?: TriggerOptions;
    git?: Controller;
    forges?: Controller;
    gateway?: Gateway;
    images?: Images;
  } = {};
  const metrics = stack.use(new RunMetrics({ reader: store, clock, log: log.with({ part: 'metrics' }) }));
  const about: Record<string, unknown> = {};
  const startedAt = timestamp(clock);
  const ownText = () => metrics.text() + (rooms.gateway?.metricsText() ?? '');
  const measurements = stack.use(new Measurements({ reader: store, clock, log, home, ownText }));
  const urls = { url: '', appsUrl: '', registry: '' };
  const workbenches = stack.use(
    openWorkbenches({ store, clock, log, tokens, home, urls: () => urls, access: () => rooms.node!.access }),
  );
  const app = mainPort({
    store,
    home,
    types,
    resources,
    log: log.with({ part: 'http' }),
    signIn: new SignIn(tokens, await Sessions.open(home, clock)),
    blobs: new BlobStore(join(home, 'blobs')),
    podAccess: () => rooms.node!.access,
    repositories: () => rooms.repositories!,
    hosting: () => hosting,
    repositoryController: () => rooms.git!,
    forgeController: () => rooms.forges!,
    triggers: () => rooms.triggers,
    metrics: ownText,
    measurements,
    shares: await Shares.open(home, store, clock),
    pushed: (repository, manifest) => rooms.images?.pushed(repository, manifest),
    about: () => about,
    health: () =>
      healthOf({
        configuration,
        tools: options.tools,
        url: String(about.url),
        appsUrl: String(about.appsUrl),
        startedAt,
      }),
    consoleDirectory: join(import.meta.dirname, '..', '..', 'web', 'dist'),
    workbenches: workbenches.routes,
  });
  const apps = appsPort({ gateway: () => rooms.gateway!, gate: workbenches.gate });
  const { url, appsUrl } = await listen(configuration, app, apps);
  Object.assign(urls, { url, appsUrl });
  stack.defer(() => closeServer(apps));
  stack.defer(() => app.close());
  const tls = await openTlsPort({ configuration, main: app.server, clock, log });
  if (tls) stack.use(tls);
  const routes = stack.use(new RouteTable({ reader: store, clock, log }));
  const gateway = new Gateway({ routes, clock, log, observe: measurements.observe });
  rooms.gateway = gateway;
  stack.defer(() => gateway.close());
  const hosting = new Hosting(join(home, 'git'));
  const repositories = new Repositories({
    store,
    hosting,
    baseUrl: `${url}/git`,
    home,
    code: await codeServer(configuration),
  });
  rooms.repositories = repositories;
  await measurements.start(new URL(url).host);
  for (const namespace of ['default', 'argocd']) await ensureNamespace(store, namespace);
  const registry = await registrySettings(configuration, url);
  rooms.images = await openImages(
    {
      home,
      ownHost: new URL(url).host,
      ownerToken: tokens.owner,
      ...(registry.outside ? { outside: registry.outside } : {}),
    },
    log.with({ part: 'images' }),
  );
  urls.registry = registry.prefix;
  const node = stack.use(
    await startNode({
      store,
      clock,
      log: log.with({ part: 'node' }),
      home,
      images: rooms.images.source,
      tokenFor: (pod) => tokens.forPod(pod),
      environment: {
        ...hostEnvironment(),
        TAGBOAT_URL: url,
        TAGBOAT_TOKEN_FILE: '/var/run/secrets/kubernetes.io/serviceaccount/token',
        ...gitInPods(url),
        ...registry.environment,
      },
      tools: options.tools,
      registryLogin: (reference) =>
        reference.startsWith(`${new URL(url).host}/`)
          ? { username: 'tagboat', password: tokens.owner }
          : undefined,
      ...(configuration.driver ? { driver: configuration.driver } : {}),
      retained: configuration.retained,
    }),
  );
  rooms.node = node;
  const git = repositoryController({
    store,
    hosting,
    baseUrl: `${url}/git`,
    credentials: (repository) => repositories.credentialsFor(repository),
    clock,
    log: log.with({ part: 'git' }),
  });
  rooms.git = git;
  const pulls = pullRequestController({
    store,
    hosting,
    clock,
    log: log.with({ part: 'pull-requests' }),
    changed: (namespace, name) => git.enqueue({ type: kinds.Repository, namespace, name }),
  });
  const triggers = triggerOptions({ store, clock, log, repositories, registry: registry.prefix, url });
  rooms.triggers = triggers;
  const controllers = roomControllers({
    triggers,
    store,
    types,
    clock,
    log,
    home,
    metrics,
    settings,
    repositories,
    registry: registry.prefix,
    url,
    appsUrl,
  });
  const forges = forgeController({ store, clock, log: log.with({ part: 'forges' }) });
  rooms.forges = forges;
  for (const controller of [git, pulls, forges, ...controllers, workbenches.controller()])
    stack.use(controller.start());
  stack.use(namespaceController({ store, types, clock, log: log.with({ part: 'namespaces' }) }).start());
  stack.use(new EventExpiry({ store, clock, log: log.with({ part: 'events' }) }).start());
  stack.use(new GarbageCollector({ store, types, clock, log: log.with({ part: 'gc' }) }).start());
  Object.assign(about, {
    version: '0.1.0',
    url,
    appsUrl,
    ...(tls ? { tlsUrl: tls.url, certificateAuthority: tls.authority } : {}),
    registry: registry.prefix,
    ...(configuration.ports.code ? { code: configuration.ports.code.url.replace(/\/+$/, '') } : {}),
    home,
    driver: node.driver,
    driverNote: node.driverNote,
  });
  await writeFileAtomic(join(home, 'config', 'url'), `${url}\n`);
  const running = stack.move();
  return {
    url,
    appsUrl,
    token: tokens.owner,
    driver: node.driver,
    driverNote: node.driverNote,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** git in a pod finds the pod's own token for this platform's repositories, and for nothing else (git-credential(1)). */
function gitInPods(url: string): Record<string, string> {
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `credential.${url}.helper`,
    GIT_CONFIG_VALUE_0:
      '!f() { if [ "$1" = get ]; then echo username=tagboat; echo "password=$(cat "$TAGBOAT_TOKEN_FILE")"; fi; }; f',
  };
}

interface Composition {
  readonly home: string;
  readonly triggers: ReturnType<typeof triggerOptions>;
  readonly store: ObjectStore;
  readonly types: TypeRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: RunMetrics;
  readonly settings: Settings;
  readonly repositories: Repositories;
  readonly registry: string;
  readonly url: string;
  readonly appsUrl: string;
}

function triggerOptions(
  parts: Pick<Composition, 'store' | 'clock' | 'log' | 'repositories' | 'registry' | 'url'>,
) {
  const { store, clock, repositories, registry, url } = parts;
  return {
    store,
    clock,
    log: parts.log.with({ part: 'triggers' }),
    registry,
    mirrorOf: (repository: Repository) => repositories.mirrorOf(repository),
    cloneUrl: (project: string, name: string) => `${url}/git/${project}/${name}.git`,
    page: (project: string, run: string) => `${url}/runs/${project}/${run}`,
    deploymentUrl: (project: string, model: string) => repositories.deploymentUrl(project, model),
    noEngine: engineProblem,
  } satisfies TriggerOptions;
}

function roomControllers(parts: Composition): Startable[] {
  const { store, types, clock, repositories, triggers } = parts;
  const log = (part: string) => parts.log.with({ part });
  return [
    triggerController(triggers),
    pullTriggerController(triggers),
    retentionController(triggers),
    statusReporter({ store, clock, log: log('status-reporter') }),
    statusController({
      store,
      clock,
      log: log('statuses'),
      page: triggers.page,
      mirrorOf: (project, name) => repositories.open(project, name, { push: false, mayCreate: false }),
    }),
    ...createPipelineControllers({
      store,
      clock,
      log: log('pipelines'),
      settings: parts.settings,
      customControllers: true,
    }),
    ...createWorkloadControllers({
      store,
      clock,
      log: log('workloads'),
      appsUrl: parts.appsUrl,
      seed: parts.home,
    }),
    inferenceServiceController({ store, clock, log: log('serving'), appsUrl: parts.appsUrl }),
    applicationController({
      store,
      types,
      clock,
      log: log('gitops'),
      repository: (url) => repositories.byUrl(url),
      onSync: (application, succeeded) => parts.metrics.synced(application, succeeded),
    }),
    modelController({ ...triggers, log: log('model'), repositoryUrl: triggers.cloneUrl }),
    experimentController({ store, clock, log: log('experiments') }),
  ];
}

async function codeServer({ ports }: Configuration): Promise<CodeServer | undefined> {
  const { code } = ports;
  return code && { url: code.url.replace(/\/+$/, ''), login: await credentialsOfPort(code) };
}

async function registrySettings(configuration: Configuration, url: string) {
  const port = configuration.ports.registry;
  if (!port) return { prefix: new URL(url).host, environment: {} };
  const login = await credentialsOfPort(port);
  const { host, pathname } = new URL(port.url);
  const auth = login ? Buffer.from(`${login.username}:${login.password}`).toString('base64') : undefined;
  return {
    prefix: `${host}${pathname.replace(/\/$/, '')}`,
    outside: { url: port.url, login },
    environment: (auth ? { TAGBOAT_REGISTRY_AUTH: auth } : {}) as Record<string, string>,
  };
}

async function listen(
  { host, port, appsPort }: Configuration,
  app: FastifyInstance,
  apps: Server,
): Promise<{ url: string; appsUrl: string }> {
  try {
    const url = await app.listen({ host, port });
    apps.listen({ host, port: appsPort });
    await once(apps, 'listening');
    return { url, appsUrl: `http://${host}:${(apps.address() as AddressInfo).port}` };
  } catch (cause) {
    await app.close();
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new TagboatError(`port ${(cause as { port?: number }).port} is in use`, {
      reason: 'PortInUse',
      hint: 'stop what uses it, or choose another with TAGBOAT_PORT',
      cause,
    });
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
