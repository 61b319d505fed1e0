import { join } from 'node:path';
import { writeFileAtomic } from '@tagboat/base';
import { publishRelease } from '@tagboat/pipelines';
import { openCore, type PlatformOptions } from './core.ts';
import { watchDrift } from './drift.ts';
import { openImages } from './images.ts';
import { openNode } from './open-node.ts';
import { outsideCode, registrySettings } from './outside.ts';
import { openPorts } from './ports.ts';
import { ensureNamespace, Repositories } from './repositories.ts';
import { startControllers } from './room-controllers.ts';

export type { PlatformOptions } from './core.ts';

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
  await using stack = new AsyncDisposableStack();
  const core = await openCore(options, stack);
  const { configuration, store, log, home, tokens } = core;
  const ports = await openPorts(core, stack);
  const { url, appsUrl, tls, rooms, hosting } = ports;
  const baseUrl = `${url}/git`;
  const code = await outsideCode(configuration);
  const repositories = new Repositories({ store, hosting, baseUrl, home, code });
  rooms.repositories = repositories;
  await ports.measurements.start(new URL(url).host);
  for (const namespace of ['default', 'argocd', 'tekton-pipelines']) await ensureNamespace(store, namespace);
  await publishRelease(store);
  const registry = await registrySettings(configuration, url);
  ports.urls.registry = registry.prefix;
  const { outside } = registry;
  const images = await openImages(
    { home, ownHost: new URL(url).host, ownerToken: tokens.owner, ...(outside && { outside }) },
    log.with({ part: 'images' }),
  );
  rooms.images = images;
  rooms.drift = stack.use(await watchDrift(core, { measurements: ports.measurements, images }));
  const node = stack.use(await openNode(core, { url, images, registry }));
  rooms.node = node;
  const { registries } = images;
  startControllers(core, { ports, repositories, registry: registry.prefix, registries }, stack);
  const { driver, driverNote } = node;
  Object.assign(ports.about, {
    version: '0.1.0',
    url,
    appsUrl,
    ...(tls ? { tlsUrl: tls.url, certificateAuthority: tls.authority } : {}),
    registry: registry.prefix,
    ...(code ? { code: code.url } : {}),
    home,
    driver,
    driverNote,
  });
  await writeFileAtomic(join(home, 'config', 'url'), `${url}\n`);
  const running = stack.move();
  const dispose = () => running.disposeAsync();
  return { url, appsUrl, token: tokens.owner, driver, driverNote, [Symbol.asyncDispose]: dispose };
}
