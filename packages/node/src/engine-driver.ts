import { type Logger, TagboatError } from '@tagboat/base';
import type Dockerode from 'dockerode';
import type {
  ContainerDriver,
  ContainerExit,
  ContainerOutput,
  ContainerRequest,
  RunningContainer,
  WantedImage,
} from './driver.ts';
import { attachTo } from './engine-attach.ts';
import { execInEngine, inputOf } from './engine-exec.ts';
import { giveHomeFiles } from './engine-home.ts';
import { engineDone } from './engine-progress.ts';
import { pullImage } from './engine-pull.ts';
import { engineSettings, ownerLabel } from './engine-settings.ts';
import { type EngineStream, splitStream } from './engine-streams.ts';
import type { HostImage } from './host-image.ts';
import { type ImageConfig, loginHint, type ResolvedImage } from './images.ts';
import { toolboxOf } from './toolboxes.ts';

export interface EngineOptions {
  /** The engine's socket, such as `/var/run/docker.sock`. */
  readonly socket: string;
  /** Names this node among others that use the same engine. */
  readonly owner: string;
  readonly log: Logger;
  /** The login for an image's registry. */
  readonly login?: (reference: string) => { username: string; password: string } | undefined;
  /** Makes the image of Tagboat's own steps. Absent: it is pulled like any other. */
  readonly hostImage?: () => Promise<HostImage>;
}

/** The name that an engine has the image of Tagboat's own steps under; no registry is asked for it. */
const ownName = 'localhost/tagboat-steps';

/** Runs containers through an engine's Docker API (docker, podman): in their own images, isolated, on the host's network. */
export class EngineDriver implements ContainerDriver {
  readonly name = 'container';
  readonly isolatesFiles = true;
  readonly appliesLimits = true;
  readonly #options: EngineOptions;
  readonly #engine: Dockerode;
  #own: Promise<ResolvedImage> | undefined;

  private constructor(options: EngineOptions, engine: Dockerode) {
    this.#options = options;
    this.#engine = engine;
  }

  /** Connects to an engine and ends what an earlier life left in it. @throws `EngineUnavailable` */
  static async connect(options: EngineOptions): Promise<EngineDriver> {
    // Only who uses an engine loads its client.
    const { default: Docker } = await import('dockerode');
    const engine = new Docker({ socketPath: options.socket });
    try {
      await engine.ping();
    } catch (cause) {
      throw new TagboatError(`no container engine answers at ${options.socket}: ${messageOf(cause)}`, {
        reason: 'EngineUnavailable',
        hint: 'start docker or podman, or name its socket with DOCKER_HOST',
        cause,
      });
    }
    const driver = new EngineDriver(options, engine);
    await driver.#reap();
    return driver;
  }

  async image({ reference, pullPolicy, login }: WantedImage): Promise<ResolvedImage> {
    if (this.#options.hostImage && toolboxOf(reference)?.name === 'tagboat') {
      this.#own ??= this.#ownImage(this.#options.hostImage);
      return this.#own.catch((error: unknown) => {
        this.#own = undefined;
        throw error;
      });
    }
    const isLatest = !reference.includes('@') && /(^[^:]*|\/[^:/]*|:latest)$/.test(reference);
    const policy = pullPolicy ?? (isLatest ? 'Always' : 'IfNotPresent');
    const present = await this.#inspect(reference);
    if (present && policy !== 'Always') return present;
    if (policy === 'Never')
      throw new TagboatError(`Container image "${reference}" is not present with pull policy of Never`, {
        reason: 'ImagePullFailed',
      });
    try {
      const known = this.#options.login?.(reference) ?? (await login?.());
      await pullImage(this.#engine, { reference, login: known });
    } catch (cause) {
      // What the engine has is as good as what cannot be asked for, unless it must be the newest.
      if (present && pullPolicy !== 'Always') return present;
      const why = messageOf(cause);
      throw new TagboatError(`cannot pull the image ${reference}: ${why}`, {
        reason: 'ImagePullFailed',
        cause,
        // Engines pass on what a registry says, in words of their own.
        ...(/unauthorized|authentication required|no basic auth/i.test(why) ? { hint: loginHint } : {}),
      });
    }
    const pulled = await this.#inspect(reference);
    if (!pulled)
      throw new TagboatError(`the engine does not have the image ${reference} after pulling it`, {
        reason: 'ImagePullFailed',
      });
    return pulled;
  }

  /** Gives the engine the image of Tagboat's own steps, where it does not have it. */
  async #ownImage(make: () => Promise<HostImage>): Promise<ResolvedImage> {
    const { archive, tag, config, mounts } = await make();
    const name = `${ownName}:${tag}`;
    if (!(await this.#inspect(name))) {
      // podman looks at no `tag` beside the name.
      const stream = await this.#engine.importImage(archive, { repo: name });
      await engineDone(this.#engine, stream);
    }
    const image = await this.#inspect(name);
    if (image?.kind === 'engine') return { ...image, config, mounts };
    throw new TagboatError(`the engine does not have the image ${name} after importing it`, {
      reason: 'ImagePullFailed',
    });
  }

  async start(request: ContainerRequest, output: ContainerOutput): Promise<RunningContainer> {
    const container = await this.#engine.createContainer(await engineSettings(request, this.#options.owner));
    const { stdin = false, tty = false, homeFiles } = request;
    let stream: EngineStream;
    try {
      // An engine puts nothing into a root that cannot be written.
      if (homeFiles && !request.readOnlyRoot) {
        const { environment } = request;
        await giveHomeFiles(container, { environment, homeFiles });
      }
      stream = await attachTo({ socket: this.#options.socket, container: container.id, stdin });
    } catch (error) {
      // podman makes what it attaches to: it says here that a command cannot be started.
      await container.remove({ force: true }).catch(() => undefined);
      return failedStart(messageOf(error));
    }
    const { stdout, stderr } = splitStream(stream, this.#engine.modem as never, tty);
    const streams = [
      forward(stdout, (data) => output('stdout', data)),
      forward(stderr, (data) => output('stderr', data)),
    ];
    let ended = false;
    try {
      await container.start();
    } catch (error) {
      stream.destroy();
      await container.remove({ force: true }).catch(() => undefined);
      return failedStart(messageOf(error));
    }
    const { State } = await container.inspect().catch(() => ({ State: { Pid: 0 } }));
    const exited = this.#wait(container, streams).then((exit) => {
      ended = true;
      clearTimeout(killTimer);
      return exit;
    });
    let killTimer: NodeJS.Timeout | undefined;
    let killAt = Number.POSITIVE_INFINITY;
    const signal = (name: string) =>
      void container
        .kill({ signal: name })
        .catch((error: unknown) => this.#options.log.debug('a container has ended by itself', { error }));
    return {
      pid: State.Pid || undefined,
      exited,
      input: stdin
        ? inputOf(stream, (size) => container.resize({ h: size.rows, w: size.columns }))
        : undefined,
      exec: (command) => {
        if (ended)
          throw new TagboatError('the container does not run', { reason: 'BadRequest', retryable: false });
        return execInEngine(
          { container, exited, modem: this.#engine.modem, log: this.#options.log },
          command,
        );
      },
      stop(gracePeriod) {
        if (ended) return;
        signal(gracePeriod > 0 ? 'SIGTERM' : 'SIGKILL');
        // Asked again, it may have less time than before, never more.
        const at = performance.now() + gracePeriod;
        if (at >= killAt) return;
        killAt = at;
        clearTimeout(killTimer);
        killTimer = setTimeout(() => signal('SIGKILL'), gracePeriod);
      },
    };
  }

  async #wait(container: Dockerode.Container, streams: readonly Promise<void>[]): Promise<ContainerExit> {
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    await Promise.all(streams);
    const { State } = await container.inspect().catch(() => ({ State: { OOMKilled: false } }));
    await container
      .remove({ force: true, v: true })
      .catch((error: unknown) => this.#options.log.debug('a container remains', { error }));
    return { exitCode: StatusCode, outOfMemory: State.OOMKilled };
  }

  async #inspect(reference: string): Promise<ResolvedImage | undefined> {
    try {
      const { Id, Config } = await this.#engine.getImage(reference).inspect();
      return {
        kind: 'engine',
        name: reference,
        digest: Id,
        config: configOf(Config as unknown as Record<string, unknown>),
      };
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return undefined;
      throw error;
    }
  }

  async #reap(): Promise<void> {
    const found = await this.#engine.listContainers({
      all: true,
      filters: { label: [`${ownerLabel}=${this.#options.owner}`] },
    });
    await Promise.all(found.map(({ Id }) => this.#engine.getContainer(Id).remove({ force: true, v: true })));
  }
}

const failedStart = (startError: string): RunningContainer => ({
  pid: undefined,
  exited: Promise.resolve({ exitCode: 127, startError }),
  input: undefined,
  exec: () =>
    Promise.reject(
      new TagboatError('the container does not run', { reason: 'BadRequest', retryable: false }),
    ),
  stop: () => undefined,
});

async function forward(
  stream: AsyncIterable<Uint8Array>,
  take: (data: Uint8Array) => Promise<void> | void,
): Promise<void> {
  for await (const data of stream) {
    const taken = take(data);
    if (taken) await taken;
  }
}

function configOf(config: Record<string, unknown>): ImageConfig {
  const { Env, Entrypoint, Cmd, WorkingDir, User } = config as ImageConfig;
  return {
    ...(Env ? { Env } : {}),
    ...(Entrypoint ? { Entrypoint } : {}),
    ...(Cmd ? { Cmd } : {}),
    ...(WorkingDir ? { WorkingDir } : {}),
    ...(User ? { User } : {}),
  };
}

function messageOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: string }; message?: string };
  return json?.message ?? message ?? String(error);
}
