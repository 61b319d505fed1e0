import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TagboatError, timestamp } from '@tagboat/base';
import type { Controller } from '@tagboat/controller';
import { Hosting } from '@tagboat/git';
import { type DriftWatch, RunMetrics } from '@tagboat/monitoring';
import type { Node } from '@tagboat/node';
import { BlobStore } from '@tagboat/registry';
import type { TriggerOptions } from '@tagboat/triggers';
import { Gateway, RouteTable } from '@tagboat/workloads';
import type { FastifyInstance } from 'fastify';
import { removeHalfBackups } from './backup.ts';
import { Collection } from './collection/collection.ts';
import type { Configuration } from './configuration.ts';
import type { Core } from './core.ts';
import { healthOf } from './health.ts';
import type { Images } from './images.ts';
import { mainPort } from './main-port.ts';
import { Measurements } from './measurements.ts';
import type { Repositories } from './repositories.ts';
import { Sessions } from './sessions.ts';
import { Shares } from './shares.ts';
import { SignIn } from './sign-in.ts';
import { started } from './started.ts';
import { openTlsPort, type TlsPort } from './tls-port.ts';
import { appsPort, openWorkbenches, type Workbenches } from './workbenches.ts';

/** What requests are passed to. It is built after the ports, because their addresses are part of it. */
export interface Rooms {
  node?: Node;
  repositories?: Repositories;
  triggers?: TriggerOptions;
  git?: Controller;
  forges?: Controller;
  gateway?: Gateway;
  images?: Images;
  drift?: DriftWatch;
}

export interface Ports {
  /** Of the main port. */
  readonly url: string;
  readonly appsUrl: string;
  readonly tls: TlsPort | undefined;
  /** Filled by who builds them. */
  readonly rooms: Rooms;
  /** What `/tagboat` tells of this platform; filled when all of it stands. */
  readonly about: Record<string, unknown>;
  /** What workbenches are told of the addresses. */
  readonly urls: { url: string; appsUrl: string; registry: string };
  readonly hosting: Hosting;
  readonly metrics: RunMetrics;
  readonly measurements: Measurements;
  readonly workbenches: Workbenches;
}

/** Listens on the main port, the apps port and, where configured, the TLS port; the stack closes them. */
export async function openPorts(core: Core, stack: AsyncDisposableStack): Promise<Ports> {
  const { configuration, store, clock, log, home, tokens } = core;
  const rooms: Rooms = {};
  const metrics = stack.use(new RunMetrics({ reader: store, clock, log: log.with({ part: 'metrics' }) }));
  const ownText = () =>
    metrics.text() + (rooms.gateway?.metricsText() ?? '') + (rooms.drift?.metricsText() ?? '');
  const measurements = stack.use(new Measurements({ reader: store, clock, log, home, ownText }));
  const about: Record<string, unknown> = {};
  const urls = { url: '', appsUrl: '', registry: '' };
  const workbenches = stack.use(
    openWorkbenches({
      ...{ store, clock, log, tokens, home },
      urls: () => urls,
      access: () => started(rooms.node).access,
    }),
  );
  const hosting = new Hosting(join(home, 'git'));
  const parts = { rooms, about, urls, hosting, metrics, measurements, workbenches };
  const app = await openMainPort(core, { ...parts, ownText }, stack);
  const routes = stack.use(new RouteTable({ reader: store, clock, log }));
  const gateway = new Gateway({ routes, clock, log, observe: measurements.observe });
  rooms.gateway = gateway;
  stack.defer(() => gateway.close());
  const apps = appsPort({ gateway, gate: workbenches.gate });
  Object.assign(urls, await listen(configuration, app, apps));
  stack.defer(() => closeServer(apps));
  stack.defer(() => app.close());
  const tls = await openTlsPort({ configuration, main: app.server, clock, log });
  if (tls) stack.use(tls);
  return { ...parts, url: urls.url, appsUrl: urls.appsUrl, tls };
}

const day = 24 * 3600_000;

type Parts = Omit<Ports, 'url' | 'appsUrl' | 'tls'> & { readonly ownText: () => string };

async function openMainPort(core: Core, parts: Parts, stack: AsyncDisposableStack): Promise<FastifyInstance> {
  const { configuration, tools, store, clock, log, home, tokens, types, resources } = core;
  const { rooms, about, hosting, measurements, workbenches, ownText } = parts;
  const startedAt = timestamp(clock);
  const blobs = new BlobStore(join(home, 'blobs'));
  await blobs.removeAbandoned(clock.now() - day);
  await removeHalfBackups(home);
  const collection = stack.use(
    new Collection({
      ...{ store, types, clock, home, blobs, hosting },
      keep: configuration.keepUnused,
      log: log.with({ part: 'collection' }),
    }),
  );
  return mainPort({
    store,
    home,
    types,
    resources,
    log: log.with({ part: 'http' }),
    signIn: new SignIn(tokens, await Sessions.open(home, clock)),
    blobs,
    podAccess: () => started(rooms.node).access,
    repositories: () => started(rooms.repositories),
    hosting: () => hosting,
    repositoryController: () => started(rooms.git),
    forgeController: () => started(rooms.forges),
    triggers: () => rooms.triggers,
    metrics: ownText,
    measurements,
    drift: () => rooms.drift,
    shares: await Shares.open(home, store, clock),
    pushed: (repository, manifest) => rooms.images?.pushed(repository, manifest),
    about: () => about,
    health: async () =>
      healthOf({
        configuration,
        tools,
        url: String(about.url),
        appsUrl: String(about.appsUrl),
        startedAt,
        collection: await collection.last(),
      }),
    collect: () => collection.run(),
    consoleDirectory: join(import.meta.dirname, '..', '..', 'web', 'dist'),
    workbenches: workbenches.routes,
  });
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
    const { code, port: taken } = cause as NodeJS.ErrnoException & { port?: number };
    if (code === 'EACCES')
      throw new TagboatError(`this user may not open port ${taken}`, {
        reason: 'PortInUse',
        hint: 'choose another with TAGBOAT_PORT',
        cause,
      });
    if (code !== 'EADDRINUSE') throw cause;
    throw new TagboatError(`port ${taken} is in use`, {
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
