import { mkdir } from 'node:fs/promises';
import { TypeRegistry } from '@tagboat/api';
import { type Clock, type Logger, silentLogger, systemClock } from '@tagboat/base';
import { GarbageCollector } from '@tagboat/controller';
import { type HostTools, hostEnvironment, type Node, resultsKept, startNode } from '@tagboat/node';
import { createPipelineControllers } from '@tagboat/pipelines';
import { ObjectStore } from '@tagboat/store';
import { openImages } from './images.ts';

export interface EngineOptions {
  /** Holds volumes, logs and unpacked images. */
  readonly home: string;
  readonly tools: HostTools;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly driver?: 'sandbox' | 'process';
}

/** The part of the platform that runs Tekton YAML, without ports, git or a store on disk. */
export interface Engine extends AsyncDisposable {
  readonly store: ObjectStore;
  readonly node: Node;
}

/** Starts an engine whose objects live in memory, for one run and for conformance. Dispose to end what runs. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { home, clock = systemClock, log = silentLogger } = options;
  await mkdir(home, { recursive: true, mode: 0o700 });
  await using stack = new AsyncDisposableStack();
  const types = new TypeRegistry();
  const store = stack.use(new ObjectStore({ types, clock }));
  const node = stack.use(
    await startNode({
      store,
      clock,
      log,
      home,
      images: (await openImages({ home, ownHost: 'registry.invalid', ownerToken: '' }, log)).source,
      tokenFor: () => '',
      environment: hostEnvironment(),
      tools: options.tools,
      ...(options.driver ? { driver: options.driver } : {}),
    }),
  );
  const controllers = createPipelineControllers({ store, clock, log, resultsKept: resultsKept(home) });
  for (const controller of controllers) stack.use(controller.start());
  stack.use(new GarbageCollector({ store, types, clock, log }).start());
  const running = stack.move();
  return { store, node, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
