import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TypeRegistry } from '@tagboat/api';
import { CustomResources, Resources } from '@tagboat/apiserver';
import { type Clock, createLogger, type Logger, systemClock } from '@tagboat/base';
import type { HostTools } from '@tagboat/node';
import { fillTektonDefaults, Settings, tektonDenial } from '@tagboat/pipelines';
import { type ObjectStore, openDiskStore } from '@tagboat/store';
import type { Configuration } from './configuration.ts';
import { Tokens } from './tokens.ts';

export interface PlatformOptions {
  readonly configuration: Configuration;
  readonly tools: HostTools;
  readonly clock?: Clock;
  readonly log?: Logger;
}

/** What every room of the platform is built on. */
export interface Core {
  readonly configuration: Configuration;
  readonly tools: HostTools;
  readonly clock: Clock;
  readonly log: Logger;
  readonly home: string;
  readonly types: TypeRegistry;
  readonly store: ObjectStore;
  readonly resources: Resources;
  readonly settings: Settings;
  readonly tokens: Tokens;
}

/** Opens the store and the Kubernetes API over it; the stack closes them. */
export async function openCore(options: PlatformOptions, stack: AsyncDisposableStack): Promise<Core> {
  const { configuration, tools, clock = systemClock } = options;
  const log =
    options.log ?? createLogger({ write: (line) => process.stderr.write(`${line}\n`), level: 'warn' });
  const { home } = configuration;
  await mkdir(home, { recursive: true, mode: 0o700 });
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
  resources.fillWith((object) => fillTektonDefaults(object, settings.current));
  resources.refuseWhere((object, before) => tektonDenial(object, before, settings.current));
  const customLog = log.with({ part: 'custom resources' });
  stack.use(await CustomResources.start({ store, kinds: resources.kinds, clock, log: customLog }));
  const tokens = await Tokens.open(home, store);
  return { configuration, tools, clock, log, home, types, store, resources, settings, tokens };
}
