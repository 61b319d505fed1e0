import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import type { ContainerDriver } from './driver.ts';

/** The socket of this host's container engine: DOCKER_HOST's, docker's or podman's. @throws `EngineUnavailable` */
export function findEngineSocket(env: NodeJS.ProcessEnv = process.env): string {
  const named = /^unix:\/\/(.+)$/.exec(env.DOCKER_HOST ?? '')?.[1];
  if (env.DOCKER_HOST && !named)
    throw unavailable(`DOCKER_HOST is "${env.DOCKER_HOST}": expected unix:///path/of/the/socket`);
  const candidates = named
    ? [named]
    : [
        '/var/run/docker.sock',
        ...(env.XDG_RUNTIME_DIR
          ? [join(env.XDG_RUNTIME_DIR, 'podman/podman.sock'), join(env.XDG_RUNTIME_DIR, 'docker.sock')]
          : []),
        '/run/podman/podman.sock',
      ];
  const found = candidates.find(existsSync);
  if (!found) throw unavailable(`there is no container engine: none of ${candidates.join(', ')} exists`);
  return found;
}

function unavailable(message: string): TagboatError {
  return new TagboatError(message, {
    reason: 'EngineUnavailable',
    hint: 'start docker or podman, or name its socket with DOCKER_HOST',
  });
}

/** A connection to an engine that is made when first needed, and tried again after a failure. */
export class LazyEngine {
  readonly #connect: () => Promise<ContainerDriver>;
  #driver: Promise<ContainerDriver> | undefined;

  constructor(connect: () => Promise<ContainerDriver>) {
    this.#connect = connect;
  }

  /** @throws `EngineUnavailable` */
  async get(): Promise<ContainerDriver> {
    this.#driver ??= (async () => this.#connect())();
    try {
      return await this.#driver;
    } catch (error) {
      this.#driver = undefined;
      throw error;
    }
  }
}
