import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Container,
  type ContainerState,
  type ContainerStatus,
  keyOf,
  kinds,
  type Pod,
  type PodStatus,
  withCondition,
} from '@tagboat/api';
import { describeError, isReason, TagboatError, timestamp } from '@tagboat/base';
import { mutateStatus } from '@tagboat/store';
import { Attachments } from './attachments.ts';
import type { NodeContext } from './context.ts';
import type { ContainerRequest, RunningContainer } from './driver.ts';
import { expand, resolveEnvironment } from './environment.ts';
import { type ImageConfig, type ResolvedImage, resolveImage } from './images.ts';
import type { LogWriter } from './log-writer.ts';
import { SecretMask } from './secret-mask.ts';
import { PodVolumes } from './volumes.ts';

export interface StartedContainer {
  readonly running: RunningContainer;
  readonly log: LogWriter;
  readonly startedAt: string;
}

export interface StartOptions {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Tekton's rule: an image's `Cmd` is its command where it has no entrypoint, and args come after it. */
  readonly cmdTakesArgs?: boolean;
  /** Also gets the container's output. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
}

const defaultGracePeriod = 30;

/** Runs one pod from its start to its end and keeps its status true. Subclasses say which containers run when. */
export abstract class PodWorker {
  protected readonly context: NodeContext;
  protected readonly pod: Pod;
  protected readonly stopping = new AbortController();
  protected readonly containers = new Map<string, RunningContainer>();
  protected readonly statuses = new Map<string, ContainerStatus>();
  protected readonly volumes: PodVolumes;
  readonly #attachments = new Map<string, Attachments>();
  readonly #done: Promise<void>;

  constructor(context: NodeContext, pod: Pod) {
    this.context = context;
    this.pod = pod;
    this.volumes = new PodVolumes({
      reader: context.store,
      layout: context.layout,
      tokenFor: context.tokenFor,
    });
    this.#done = Promise.resolve().then(() => this.#guarded());
  }

  /** Resolves when nothing of the pod runs any more. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** The container's process, while it runs. */
  runningContainer(name: string): RunningContainer | undefined {
    return this.statuses.get(name)?.state?.running ? this.containers.get(name) : undefined;
  }

  /** Who is attached to a container. */
  attachments(container: string): Attachments {
    const found = this.#attachments.get(container) ?? new Attachments();
    this.#attachments.set(container, found);
    return found;
  }

  get pids(): number[] {
    return [...this.containers.values()].flatMap(({ pid }) => pid ?? []);
  }

  /** Ends the pod's containers, within its grace period or the one given (seconds). */
  stop(gracePeriodSeconds = this.pod.spec?.terminationGracePeriodSeconds ?? defaultGracePeriod): void {
    this.stopping.abort(new TagboatError('the pod is stopping', { reason: 'Cancelled' }));
    for (const container of this.containers.values()) container.stop(gracePeriodSeconds * 1000);
  }

  protected abstract run(): Promise<void>;

  async #guarded(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      if (!this.stopping.signal.aborted) await this.#failed(error);
    } finally {
      for (const container of this.containers.values()) container.stop(0);
      await Promise.all([...this.containers.values()].map(({ exited }) => exited));
      await rm(this.context.layout.pod(this.pod.metadata.uid ?? ''), { recursive: true, force: true }).catch(
        (error: unknown) => this.context.log.warn('a pod directory remains', { error }),
      );
    }
  }

  async #failed(error: unknown): Promise<void> {
    const reason = error instanceof TagboatError ? error.reason : 'ContainerCannotRun';
    const { log } = this.context;
    if (!(error instanceof TagboatError))
      log.error('cannot run a pod', { pod: this.pod.metadata.name, error });
    await this.report({ phase: 'Failed', reason, message: describeError(error) });
  }

  /** Writes the pod's status; a pod that is gone needs none. */
  protected async report(change: Partial<PodStatus>): Promise<void> {
    const now = timestamp(this.context.clock);
    try {
      await mutateStatus<Pod>(this.context.store, keyOf(kinds.Pod, this.pod), (draft) => {
        if (draft.metadata.uid !== this.pod.metadata.uid) return false;
        let conditions = change.conditions ?? draft.status?.conditions;
        for (const condition of [...this.#driverConditions()])
          conditions = withCondition(conditions, condition, now);
        draft.status = {
          hostIP: '127.0.0.1',
          ...draft.status,
          startTime: draft.status?.startTime ?? now,
          ...change,
          ...(conditions ? { conditions } : {}),
          containerStatuses: (this.pod.spec?.containers ?? []).flatMap(
            ({ name }) => this.statuses.get(name) ?? [],
          ),
        };
        return undefined;
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  #driverConditions() {
    const { driver, driverNote } = this.context;
    const scheduled = { type: 'PodScheduled', status: 'True' as const };
    if (driver.name !== 'process') return [scheduled];
    const message = `runs as a plain process of this host${driverNote ? `: ${driverNote}` : ''}`;
    return [scheduled, { type: 'Sandboxed', status: 'False' as const, reason: 'ProcessDriver', message }];
  }

  protected setState(container: Container, state: ContainerState, more: Partial<ContainerStatus> = {}): void {
    const before = this.statuses.get(container.name);
    this.statuses.set(container.name, {
      name: container.name,
      image: container.image ?? '',
      imageID: before?.imageID ?? '',
      restartCount: before?.restartCount ?? 0,
      ready: false,
      ...before,
      ...more,
      state,
    });
  }

  /** Starts a container; its output goes to its log, masked. */
  protected async startContainer(container: Container, options: StartOptions): Promise<StartedContainer> {
    const { context, pod } = this;
    const image = await resolveImage(container.image, context.images);
    const resolved = await resolveEnvironment(context.store, pod, container);
    const mounts = await this.volumes.mounts(container);
    const config: ImageConfig = image.config ?? {};
    const environment = {
      ...Object.fromEntries((config.Env ?? []).map((line) => splitPair(line))),
      ...context.environment,
      HOSTNAME: pod.metadata.name,
      ...options.environment,
      ...resolved.variables,
    };
    const words = commandOf(options, config).map((word) => expand(word, environment));
    const log = await context.logs.open(
      { namespace: pod.metadata.namespace ?? '', pod: pod.metadata.name, container: container.name },
      new SecretMask([...this.volumes.secrets, ...resolved.secrets]),
    );
    const request: ContainerRequest = {
      podUid: pod.metadata.uid ?? '',
      directory: join(context.layout.pod(pod.metadata.uid ?? ''), 'containers', container.name),
      hostname: pod.metadata.name,
      image,
      command: words,
      environment,
      workingDir: container.workingDir ?? (config.WorkingDir || '/'),
      mounts,
      stdin: container.stdin ?? false,
      tty: container.tty ?? false,
      ...userOf(container, pod, image),
    };
    await mkdir(request.directory, { recursive: true });
    const attachments = this.attachments(container.name);
    const running = await context.driver.start(request, (stream, data) => {
      attachments.output(stream, data);
      options.onOutput?.(stream, data);
      return log.write(stream, data);
    });
    this.containers.set(container.name, running);
    const startedAt = timestamp(context.clock);
    this.setState(
      container,
      { running: { startedAt } },
      { imageID: image.kind === 'rootfs' ? image.digest : `host:${image.name}` },
    );
    return { running, log, startedAt };
  }
}

function commandOf(options: StartOptions, config: ImageConfig): string[] {
  const declared = config.Entrypoint?.length ? config.Entrypoint : options.cmdTakesArgs ? config.Cmd : [];
  const command = options.command.length > 0 ? options.command : (declared ?? []);
  if (options.cmdTakesArgs && !config.Entrypoint?.length)
    return checkedCommand([...command, ...options.args]);
  const args = options.args.length > 0 || options.command.length > 0 ? options.args : (config.Cmd ?? []);
  return checkedCommand([...command, ...args]);
}

function checkedCommand(words: string[]): string[] {
  if (words.length === 0)
    throw new TagboatError('the container has no command, and its image names none', {
      reason: 'ContainerCannotRun',
      retryable: false,
    });
  return words;
}

function userOf(container: Container, pod: Pod, image: ResolvedImage): { user?: number } {
  const asked = container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser;
  const own = image.kind === 'rootfs' ? Number.parseInt(image.config.User ?? '', 10) : Number.NaN;
  const user = asked ?? (Number.isNaN(own) ? undefined : own);
  return user === undefined ? {} : { user };
}

function splitPair(line: string): [string, string] {
  const index = line.indexOf('=');
  return index < 0 ? [line, ''] : [line.slice(0, index), line.slice(index + 1)];
}
