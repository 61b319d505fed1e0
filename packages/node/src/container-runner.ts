import type { Container, ContainerStatus, Pod } from '@tagboat/api';
import { type Clock, delay, describeError, TagboatError, timestamp } from '@tagboat/base';
import type { EventText } from '@tagboat/controller';
import { BackOff, durationText } from './back-off.ts';
import { runHook } from './hooks.ts';
import type { StartedContainer } from './pod-worker.ts';
import { follow } from './prober.ts';
import type { ProbeTarget } from './probes.ts';
import { startErrorCode, startErrorState, terminatedState } from './terminated-state.ts';

/** What a container's runner needs of its pod. */
export interface ContainerHost {
  readonly clock: Clock;
  readonly pod: Pod;
  start(container: Container): Promise<StartedContainer>;
  status(container: Container): ContainerStatus | undefined;
  /** Changes the container's status; it is written soon. */
  update(container: Container, change: Partial<ContainerStatus>): void;
  event(text: EventText, container: Container): void;
  address(port: number | string): { host: string; port: number };
  /** Resolves when something that a container refers to may have changed. */
  configurationChanged(signal: AbortSignal): Promise<void>;
}

export type ContainerRole = 'init' | 'sidecar' | 'main';

const imageReasons = new Set(['ImagePullFailed', 'NotFound']);
const hookTimeout = 10 * 60_000;

/** Runs one container of a pod, again and again as its role and the pod's policy ask. */
export class ContainerRunner {
  readonly container: Container;
  readonly role: ContainerRole;
  readonly #host: ContainerHost;
  readonly #backOff = new BackOff();
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<boolean>();
  #running: StartedContainer | undefined;

  constructor(host: ContainerHost, container: Container, role: ContainerRole) {
    this.#host = host;
    this.container = container;
    this.role = role;
  }

  /** Resolves with true when it has started, its startup probe passed; with false where it never will. */
  get started(): Promise<boolean> {
    return this.#started.promise;
  }

  /** Runs it until it has ended for good. @returns the exit code it ended with */
  async run(): Promise<number> {
    const { clock } = this.#host;
    try {
      for (;;) {
        const began = clock.monotonic();
        const code = await this.#life();
        if (this.#stopping.signal.aborted || !this.#restarts(code)) return code;
        await this.#pause(this.#backOff.next(clock.monotonic() - began));
        if (this.#stopping.signal.aborted) return code;
      }
    } finally {
      this.#started.resolve(false);
    }
  }

  /** Ends it for good: its hook, then SIGTERM, then after the grace period (milliseconds) SIGKILL. */
  async stop(gracePeriod: number): Promise<void> {
    this.#stopping.abort();
    if (this.#running) {
      this.#host.event(
        { type: 'Normal', reason: 'Killing', message: `Stopping container ${this.container.name}` },
        this.container,
      );
      await this.#end(gracePeriod);
    }
  }

  #restarts(code: number): boolean {
    const policy = this.#host.pod.spec?.restartPolicy ?? 'Always';
    if (this.role === 'sidecar') return true;
    if (this.role === 'init') return code !== 0 && policy !== 'Never';
    return policy === 'Always' || (policy === 'OnFailure' && code !== 0);
  }

  async #pause(wait: number): Promise<void> {
    if (wait === 0) return;
    const { metadata } = this.#host.pod;
    const { name } = this.container;
    const message = `back-off ${durationText(wait)} restarting failed container=${name} pod=${metadata.name}_${metadata.namespace}(${metadata.uid})`;
    this.#waits('CrashLoopBackOff', message);
    this.#warn(
      'BackOff',
      `Back-off restarting failed container ${name} in pod ${metadata.name}_${metadata.namespace}(${metadata.uid})`,
    );
    await delay(this.#host.clock, wait, this.#stopping.signal);
  }

  async #life(): Promise<number> {
    const host = this.#host;
    const started = await this.#launch();
    if (!started) return startErrorCode;
    this.#running = started;
    const probing = new AbortController();
    const watching = this.#watch(started, AbortSignal.any([probing.signal, this.#stopping.signal]));
    // A pod that was stopped while this was starting has not reached it.
    if (this.#stopping.signal.aborted) void this.#end(0);
    const exit = await started.running.exited;
    this.#running = undefined;
    probing.abort();
    await watching;
    const state = { terminated: await terminatedState(started, exit, host.clock) };
    if (exit.startError) this.#warn('Failed', `Error: ${exit.startError}`);
    const { restartCount = 0 } = host.status(this.container) ?? {};
    const ready = this.role === 'init' && exit.exitCode === 0;
    host.update(this.container, { state, ready, started: false, restartCount });
    return exit.exitCode;
  }

  /** Starts it; while its image or configuration is missing, waits for that. Undefined when the pod stops meanwhile. */
  async #launch(): Promise<StartedContainer | undefined> {
    const pulls = new BackOff();
    pulls.next(0);
    while (!this.#stopping.signal.aborted) {
      const before = this.#host.status(this.container);
      const again = before?.state?.terminated ?? before?.lastState?.terminated;
      try {
        const started = await this.#host.start(this.container);
        this.#host.update(this.container, {
          ...(again ? { restartCount: before!.restartCount + 1, lastState: { terminated: again } } : {}),
          ready: false,
          started: false,
        });
        return started;
      } catch (error) {
        if (!(await this.#survives(error, pulls))) {
          this.#warn('Failed', `Error: ${describeError(error)}`);
          const state = startErrorState(describeError(error), timestamp(this.#host.clock));
          this.#host.update(this.container, { state, ready: false });
          return undefined;
        }
      }
    }
    return undefined;
  }

  /** Waits where trying again can help. @returns false where the container counts as ended */
  async #survives(error: unknown, pulls: BackOff): Promise<boolean> {
    const reason = error instanceof TagboatError ? error.reason : '';
    const { signal } = this.#stopping;
    if (reason === 'InvalidImageName') {
      this.#waits('InvalidImageName', describeError(error));
      await delay(this.#host.clock, Number.MAX_SAFE_INTEGER, signal);
      return true;
    }
    if (reason === 'CreateContainerConfigError') {
      this.#waits(reason, describeError(error));
      this.#warn('Failed', `Error: ${describeError(error)}`);
      await this.#host.configurationChanged(signal);
      return true;
    }
    if (!imageReasons.has(reason)) return false;
    const image = this.container.image ?? '';
    this.#warn('Failed', `Failed to pull image "${image}": ${describeError(error)}`);
    this.#warn('Failed', 'Error: ErrImagePull');
    this.#waits('ErrImagePull', describeError(error));
    const wait = pulls.next(0);
    this.#host.event(
      { type: 'Normal', reason: 'BackOff', message: `Back-off pulling image "${image}"` },
      this.container,
    );
    this.#waits(
      'ImagePullBackOff',
      `Back-off pulling image "${image}": ErrImagePull: ${describeError(error)}`,
    );
    await delay(this.#host.clock, wait, signal);
    return true;
  }

  #waits(reason: string, message: string): void {
    const before = this.#host.status(this.container);
    const ended = before?.state?.terminated;
    this.#host.update(this.container, {
      state: { waiting: { reason, message } },
      ...(ended ? { lastState: { terminated: ended } } : {}),
      ready: false,
    });
  }

  #warn(reason: string, message: string): void {
    this.#host.event({ type: 'Warning', reason, message }, this.container);
  }

  async #watch(started: StartedContainer, signal: AbortSignal): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.container;
    if (!(await this.#postStart(started))) return;
    if (startupProbe && !(await this.#startup(started, signal))) return;
    if (signal.aborted) return;
    this.#host.update(this.container, { started: true, ready: !readinessProbe });
    this.#started.resolve(true);
    await Promise.all([
      readinessProbe ? this.#readiness(started, signal) : undefined,
      livenessProbe ? this.#liveness(started, signal) : undefined,
    ]);
  }

  async #postStart(started: StartedContainer): Promise<boolean> {
    const hook = this.container.lifecycle?.postStart;
    if (!hook) return true;
    const { clock } = this.#host;
    const result = await runHook(hook, this.#target(started), { clock, timeout: hookTimeout });
    if (result.ok) return true;
    this.#warn('FailedPostStartHook', `PostStartHook failed: ${result.message}`);
    this.#killing('FailedPostStartHook');
    void this.#end(this.#gracePeriod());
    return false;
  }

  async #startup(started: StartedContainer, signal: AbortSignal): Promise<boolean> {
    for await (const ok of this.#follow('Startup', started, signal)) {
      if (ok) return true;
      this.#killing('failed startup probe');
      await this.#end(this.#gracePeriod(this.container.startupProbe?.terminationGracePeriodSeconds));
    }
    return false;
  }

  async #readiness(started: StartedContainer, signal: AbortSignal): Promise<void> {
    for await (const ready of this.#follow('Readiness', started, signal))
      if (!signal.aborted) this.#host.update(this.container, { ready });
  }

  async #liveness(started: StartedContainer, signal: AbortSignal): Promise<void> {
    for await (const alive of this.#follow('Liveness', started, signal)) {
      if (alive) continue;
      this.#killing('failed liveness probe');
      await this.#end(this.#gracePeriod(this.container.livenessProbe?.terminationGracePeriodSeconds));
    }
  }

  #follow(kind: 'Startup' | 'Readiness' | 'Liveness', started: StartedContainer, signal: AbortSignal) {
    const { startupProbe, readinessProbe, livenessProbe } = this.container;
    const probe = { Startup: startupProbe, Readiness: readinessProbe, Liveness: livenessProbe }[kind]!;
    return follow({
      // What has just started is alive; asked at once it would only be reported as not yet listening.
      probe:
        kind === 'Liveness' && !startupProbe && !probe.initialDelaySeconds
          ? { ...probe, initialDelaySeconds: probe.periodSeconds ?? 10 }
          : probe,
      target: this.#target(started),
      clock: this.#host.clock,
      signal,
      eager: kind !== 'Liveness',
      failed: ({ message }) => this.#warn('Unhealthy', `${kind} probe failed: ${message}`),
    });
  }

  #killing(why: string): void {
    this.#host.event(
      {
        type: 'Normal',
        reason: 'Killing',
        message: `Container ${this.container.name} ${why}, will be restarted`,
      },
      this.container,
    );
  }

  async #end(gracePeriod: number): Promise<void> {
    const started = this.#running;
    if (!started) return;
    const { clock } = this.#host;
    const began = clock.monotonic();
    const hook = this.container.lifecycle?.preStop;
    if (hook && gracePeriod > 0) {
      const result = await Promise.race([
        runHook(hook, this.#target(started), { clock, timeout: gracePeriod }),
        started.running.exited,
      ]);
      if ('ok' in result && !result.ok)
        this.#warn('FailedPreStopHook', `PreStopHook failed: ${result.message}`);
    }
    started.running.stop(Math.max(0, gracePeriod - (clock.monotonic() - began)));
    await started.running.exited;
  }

  #gracePeriod(seconds = this.#host.pod.spec?.terminationGracePeriodSeconds ?? 30): number {
    return seconds * 1000;
  }

  #target(started: StartedContainer): ProbeTarget {
    return { address: (port) => this.#host.address(port), running: started.running };
  }
}
