import { join } from 'node:path';
import type { Container, ContainerStatus, Pod, PodStatus } from '@tagboat/api';
import { describeError, isReason, timestamp } from '@tagboat/base';
import type { EventText } from '@tagboat/controller';
import type { PodAddress } from './addresses.ts';
import { BackOff } from './back-off.ts';
import { beginningStates, type PodEnding } from './beginning-states.ts';
import { claimPod } from './claim-pod.ts';
import { Coalesced } from './coalesced.ts';
import { configurationChange } from './configuration-change.ts';
import { type ContainerHost, type ContainerRole, ContainerRunner } from './container-runner.ts';
import { isSidecar, podConditions, podPhase, qosClass } from './pod-status.ts';
import { PodWorker, type StartedContainer } from './pod-worker.ts';
import { serviceLinks } from './service-links.ts';
import { followVolumes } from './volume-refresh.ts';

/** Runs a pod as a kubelet does: init containers, then all containers, restarted as `restartPolicy` says. */
export class GeneralPodWorker extends PodWorker {
  readonly #runners: ContainerRunner[] = [];
  readonly #finished = new AbortController();
  #address: PodAddress | undefined;
  #ending: PodEnding | undefined;
  #silent = false;
  #following: Promise<void> | undefined;
  #hosts: Disposable | undefined;
  /** The grace period that the containers have, once they are stopped. */
  #patience = 0;
  /** Changes that come while the status is written are written together. */
  readonly #report = new Coalesced(() => this.#write());

  protected async run(): Promise<void> {
    const { addresses } = this.context;
    if (!(await claimPod(this.context, this.pod))) return;
    const { containers = [] } = this.pod.spec ?? {};
    const port = containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort ?? 8080;
    this.#address = await addresses.take(port);
    try {
      this.#begin();
      using _deadline = this.#deadline();
      if (this.#ending || !(await this.#mount())) return;
      this.#following = followVolumes(this.view(), {
        ...this.context,
        signal: this.#finished.signal,
        refresh: (pod) => this.volumes.refresh(pod),
      });
      const sidecars: Promise<number>[] = [];
      if (await this.#initialize(sidecars))
        await Promise.all(containers.map((container) => this.#runner(container, 'main').run()));
      await this.#endSidecars(sidecars);
    } finally {
      this.#finished.abort();
      await this.#following;
      this.#hosts?.[Symbol.dispose]();
      await this.#report.settle();
      addresses.release(this.#address.ip);
    }
  }

  override stop(gracePeriodSeconds = this.gracePeriodSeconds): void {
    if (this.stopping.signal.aborted) {
      // Who asks again may have less patience.
      if (gracePeriodSeconds < this.#patience) super.stop(gracePeriodSeconds);
      this.#patience = Math.min(this.#patience, gracePeriodSeconds);
      return;
    }
    this.#patience = gracePeriodSeconds;
    this.stopping.abort();
    void this.#stopContainers(gracePeriodSeconds * 1000);
  }

  override abandon(): void {
    this.#silent = true;
    this.stop(2);
  }

  override evict(reason: string, message: string): void {
    this.context.events.record(this.pod, { type: 'Warning', reason, message });
    this.#endWith({ phase: 'Failed', reason, message });
  }

  protected override view(): Pod {
    const { pod } = this;
    const ip = this.#address?.ip ?? '';
    return {
      ...pod,
      spec: { ...pod.spec!, nodeName: this.context.nodeName },
      status: {
        ...pod.status,
        podIP: ip,
        podIPs: [{ ip }],
        hostIP: '127.0.0.1',
        hostIPs: [{ ip: '127.0.0.1' }],
      },
    };
  }

  #begin(): void {
    const { states, ending } = beginningStates(this.pod, timestamp(this.context.clock));
    for (const { container, state, more } of states) this.setState(container, state, more);
    this.#ending ??= ending;
    this.#report.ask();
  }

  async #mount(): Promise<boolean> {
    const waits = new BackOff({ first: 500, longest: 122_000 });
    waits.next(0);
    while (!this.stopping.signal.aborted) {
      try {
        await this.volumes.prepare(this.view());
        return true;
      } catch (error) {
        if (!isReason(error, 'FailedMount')) throw error;
        this.context.events.record(this.pod, {
          type: 'Warning',
          reason: 'FailedMount',
          message: describeError(error),
        });
        await this.#configurationChanged(this.stopping.signal, waits.next(0));
      }
    }
    return false;
  }

  /** Runs the init containers one after the other. @returns whether the others may start */
  async #initialize(sidecars: Promise<number>[]): Promise<boolean> {
    for (const container of this.pod.spec?.initContainers ?? []) {
      if (this.stopping.signal.aborted) return false;
      const runner = this.#runner(container, isSidecar(container) ? 'sidecar' : 'init');
      if (runner.role === 'sidecar') {
        sidecars.push(runner.run());
        if (!(await runner.started)) return false;
      } else if ((await runner.run()) !== 0) return false;
    }
    if ((this.pod.spec?.initContainers ?? []).length > 0)
      for (const container of this.pod.spec?.containers ?? [])
        this.setState(container, { waiting: { reason: 'ContainerCreating' } });
    return !this.stopping.signal.aborted;
  }

  async #endSidecars(sidecars: readonly Promise<number>[]): Promise<void> {
    for (const runner of this.#runners.filter(({ role }) => role === 'sidecar').reverse())
      await runner.stop(this.gracePeriodSeconds * 1000);
    await Promise.all(sidecars);
  }

  async #stopContainers(gracePeriod: number): Promise<void> {
    const { clock } = this.context;
    const began = clock.monotonic();
    const others = this.#runners.filter(({ role }) => role !== 'sidecar');
    await Promise.all(others.map((runner) => runner.stop(gracePeriod)));
    for (const runner of this.#runners.filter(({ role }) => role === 'sidecar').reverse())
      await runner.stop(Math.max(0, gracePeriod - (clock.monotonic() - began)));
  }

  #deadline(): Disposable | undefined {
    const seconds = this.pod.spec?.activeDeadlineSeconds;
    if (seconds === undefined) return undefined;
    const { clock } = this.context;
    const since = Date.parse(this.pod.status?.startTime ?? timestamp(clock));
    return clock.after(Math.max(0, since + seconds * 1000 - clock.now()), () => {
      const message = 'Pod was active on the node longer than the specified deadline';
      this.context.events.record(this.pod, { type: 'Normal', reason: 'DeadlineExceeded', message });
      this.#endWith({ phase: 'Failed', reason: 'DeadlineExceeded', message });
    });
  }

  #endWith(ending: PodEnding): void {
    this.#ending ??= ending;
    this.stop();
    this.#report.ask();
  }

  #runner(container: Container, role: ContainerRole): ContainerRunner {
    const runner = new ContainerRunner(this.#host(), container, role);
    this.#runners.push(runner);
    return runner;
  }

  #host(): ContainerHost {
    const { context, pod } = this;
    return {
      clock: context.clock,
      pod,
      start: (container) => this.#start(container),
      status: (container) => this.statuses.get(container.name),
      update: (container, change) => this.#update(container, change),
      event: (text, container) => this.event(text, container),
      address: (port) => this.#reach(port),
      configurationChanged: (signal) => this.#configurationChanged(signal, 60_000),
    };
  }

  async #start(container: Container): Promise<StartedContainer> {
    const { ip, port } = this.#address!;
    if (this.context.driver.name === 'sandbox')
      this.#hosts ??= await this.context.hosts.open(this.pod, ip, this.#hostsPath);
    const started = await this.startContainer(container, {
      command: container.command ?? [],
      args: container.args ?? [],
      environment: {
        ...(await serviceLinks(this.context.store, this.pod)),
        HOST: ip,
        PORT: String(port),
        POD_IP: ip,
      },
      terminationMessage: join(
        this.context.layout.pod(this.pod.metadata.uid ?? ''),
        `message-${container.name}`,
      ),
      ...(this.#hosts ? { hostsFile: this.#hostsPath } : {}),
      stage: this.stageOf(container),
    });
    this.#report.ask();
    return started;
  }

  get #hostsPath(): string {
    return join(this.context.layout.pod(this.pod.metadata.uid ?? ''), 'hosts');
  }

  #update(container: Container, change: Partial<ContainerStatus>): void {
    const before = this.statuses.get(container.name);
    this.setState(container, change.state ?? before?.state ?? {}, change);
    this.#report.ask();
  }

  protected override event(text: EventText, container: Container): void {
    if (!this.#silent) super.event(text, container);
  }

  /** Where the host's network is shared and the pod has another port than it declares, that one. */
  #reach(port: number | string): { host: string; port: number } {
    const { ip, port: own } = this.#address!;
    const ports = (this.pod.spec?.containers ?? []).flatMap(({ ports: declared }) => declared ?? []);
    const number =
      typeof port === 'number'
        ? port
        : (ports.find(({ name }) => name === port)?.containerPort ?? Number(port));
    return { host: ip, port: number === ports[0]?.containerPort ? own : number };
  }

  #configurationChanged(signal: AbortSignal, longest: number): Promise<void> {
    return configurationChange(this.context, this.pod.metadata.namespace ?? '', { signal, longest });
  }

  async #write(): Promise<void> {
    if (this.#silent) return;
    await this.report((before) => this.#status(before)).catch((error: unknown) =>
      this.context.log.warn('cannot write a pod status', { pod: this.pod.metadata.name, error }),
    );
  }

  #status(before: PodStatus): Partial<PodStatus> {
    const spec = this.pod.spec!;
    const of = (containers: readonly Container[] = []) =>
      containers.flatMap(({ name }) => this.statuses.get(name) ?? []);
    const observed = {
      spec,
      init: of(spec.initContainers),
      main: of(spec.containers),
      conditions: before.conditions,
      now: timestamp(this.context.clock),
    };
    const own = podPhase(observed);
    // What has ended says so only when nothing of it runs any more.
    const over = this.#finished.signal.aborted;
    const phase =
      this.#ending && over
        ? this.#ending.phase!
        : over || (own !== 'Succeeded' && own !== 'Failed')
          ? own
          : 'Running';
    const { ip, port } = this.#address!;
    return {
      ...(this.#ending && over ? this.#ending : {}),
      phase,
      podIP: ip,
      podIPs: [{ ip }],
      hostIPs: [{ ip: '127.0.0.1' }],
      qosClass: qosClass(spec),
      ...(process.platform === 'linux' ? {} : { hostPort: port }),
      conditions: podConditions(observed, phase),
    };
  }
}
