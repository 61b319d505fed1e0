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
import type { EventText } from '@tagboat/controller';
import { mutateStatus } from '@tagboat/store';
import { Attachments } from './attachments.ts';
import type { NodeContext } from './context.ts';
import type { RunningContainer } from './driver.ts';
import { driverConditions } from './driver-conditions.ts';
import { type StartedContainer, startContainer } from './start-container.ts';
import { stageEvent } from './start-events.ts';
import { PodVolumes } from './volumes.ts';

export type { StartedContainer } from './start-container.ts';

export interface StartOptions {
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** A program that gets the command, whatever the image makes of it, as its arguments, and starts it. */
  readonly startedBy?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Tekton's rule: an image's `Cmd` is its command where it has no entrypoint, and args come after it. */
  readonly cmdTakesArgs?: boolean;
  /** Also gets the container's output. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', data: Uint8Array) => void;
  /** Where the container may leave a message about its end: the host's file. */
  readonly terminationMessage?: string;
  /** The host's file that the container sees as `/etc/hosts`. */
  readonly hostsFile?: string;
  /** Called with each stage of the start. */
  readonly stage?: (stage: StartStage) => void;
}

export type StartStage =
  | { readonly kind: 'pulled'; readonly image: string; readonly milliseconds: number; readonly host: boolean }
  | { readonly kind: 'created' }
  | { readonly kind: 'started' };

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
  readonly #started = new Set<StartedContainer>();
  readonly #done: Promise<void>;
  #evicted: Partial<PodStatus> | undefined;

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

  /** What the pod declares. */
  get declared(): Pod {
    return this.pod;
  }

  /** Ends the pod's containers, within its grace period or the one given (seconds). */
  stop(gracePeriodSeconds = this.gracePeriodSeconds): void {
    this.stopping.abort(new TagboatError('the pod is stopping', { reason: 'Cancelled' }));
    for (const container of this.containers.values()) container.stop(gracePeriodSeconds * 1000);
  }

  /** Ends the pod's containers soon and leaves its status as it is: the node's next life takes it up. */
  abandon(): void {
    this.stop(2);
  }

  /** Ends the pod at once for a reason of the node's own, such as a full disk; it counts as failed. */
  evict(reason: string, message: string): void {
    this.context.events.record(this.pod, { type: 'Warning', reason, message });
    this.#evicted = { phase: 'Failed', reason, message };
    this.stop(0);
  }

  protected get gracePeriodSeconds(): number {
    return this.pod.spec?.terminationGracePeriodSeconds ?? defaultGracePeriod;
  }

  protected abstract run(): Promise<void>;

  async #guarded(): Promise<void> {
    const { context, pod } = this;
    try {
      await this.run();
    } catch (error) {
      if (!this.stopping.signal.aborted) await this.#failed(error);
    } finally {
      for (const container of this.containers.values()) container.stop(0);
      await Promise.all([...this.containers.values()].map(({ exited }) => exited));
      for (const started of this.#started) if (!started.log.closed) await started.close();
      await context.reap(pod.metadata.uid ?? '');
      if (this.#evicted) await this.report(this.#evicted);
      await context.trash
        .take(context.layout.pod(pod.metadata.uid ?? ''))
        .catch((error: unknown) => context.log.warn('a pod directory remains', { error }));
    }
  }

  async #failed(error: unknown): Promise<void> {
    const reason = error instanceof TagboatError ? error.reason : 'ContainerCannotRun';
    const { log, layout } = this.context;
    if (!(error instanceof TagboatError))
      log.error('cannot run a pod', { pod: this.pod.metadata.name, error });
    const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
    const message = isFull ? `the disk that holds ${layout.home} is full` : describeError(error);
    this.context.events.record(this.pod, { type: 'Warning', reason: 'Failed', message });
    await this.report({ phase: 'Failed', reason, message });
  }

  /** Writes the pod's status; a pod that is gone needs none. */
  protected async report(
    change: Partial<PodStatus> | ((before: PodStatus) => Partial<PodStatus>),
  ): Promise<void> {
    const now = timestamp(this.context.clock);
    const { spec } = this.pod;
    const of = (containers: readonly Container[] = []) =>
      containers.flatMap(({ name }) => this.statuses.get(name) ?? []);
    try {
      await mutateStatus<Pod>(this.context.store, keyOf(kinds.Pod, this.pod), (draft) => {
        if (draft.metadata.uid !== this.pod.metadata.uid) return false;
        const changes = typeof change === 'function' ? change(draft.status ?? {}) : change;
        const conditions = driverConditions(this.context, this.pod).reduce(
          (all, condition) => withCondition(all, condition, now),
          changes.conditions ?? draft.status?.conditions,
        );
        draft.status = {
          hostIP: '127.0.0.1',
          ...draft.status,
          startTime: draft.status?.startTime ?? now,
          ...changes,
          ...(conditions ? { conditions } : {}),
          ...(spec?.initContainers ? { initContainerStatuses: of(spec.initContainers) } : {}),
          containerStatuses: of(spec?.containers),
        };
        return undefined;
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
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
    const started = await startContainer(
      {
        context: this.context,
        pod: this.view(),
        volumes: this.volumes,
        attachments: this.attachments(container.name),
      },
      container,
      options,
    );
    this.containers.set(container.name, started.running);
    for (const before of this.#started) if (before.log.closed) this.#started.delete(before);
    this.#started.add(started);
    this.setState(
      container,
      { running: { startedAt: started.startedAt } },
      { imageID: started.imageId, containerID: started.containerId },
    );
    return started;
  }

  /** Tells the stages of a container's start, as a kubelet does. */
  protected stageOf(container: Container): NonNullable<StartOptions['stage']> {
    return (stage) => this.event(stageEvent(stage, container), container);
  }

  /** Records an event about one of the pod's containers. */
  protected event(text: EventText, { name }: Container): void {
    const isInit = (this.pod.spec?.initContainers ?? []).some((container) => container.name === name);
    const fieldPath = `spec.${isInit ? 'initContainers' : 'containers'}{${name}}`;
    this.context.events.record(this.pod, { ...text, fieldPath });
  }

  /** The pod as its containers are told about it. */
  protected view(): Pod {
    return this.pod;
  }
}
