import type { Container, Probe } from '@tagboat/api';
import { delay, timestamp } from '@tagboat/base';
import type { PodAddress } from './addresses.ts';
import { PodWorker } from './pod-worker.ts';
import { probeOnce } from './probes.ts';

const longestBackOff = 300_000;

/** Runs a pod whose containers all run at once and are restarted as `restartPolicy` says; watches their readiness. */
export class ServicePodWorker extends PodWorker {
  #address: PodAddress | undefined;
  readonly #ready = new Set<string>();

  protected async run(): Promise<void> {
    const containers = this.pod.spec?.containers ?? [];
    await this.volumes.prepare(this.pod);
    const port = containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort ?? 8080;
    this.#address = await this.context.addresses.take(port);
    try {
      for (const container of containers)
        this.setState(container, { waiting: { reason: 'ContainerCreating' } });
      await this.report({ phase: 'Pending', podIP: this.#address.ip });
      const codes = await Promise.all(containers.map((container) => this.#keepRunning(container)));
      if (!this.stopping.signal.aborted)
        await this.report({ phase: codes.every((code) => code === 0) ? 'Succeeded' : 'Failed' });
    } finally {
      this.context.addresses.release(this.#address.ip);
    }
  }

  /** @returns the exit code that ended it for good */
  async #keepRunning(container: Container): Promise<number> {
    const policy = this.pod.spec?.restartPolicy ?? 'Always';
    for (let restarts = 0; ; restarts++) {
      const code = await this.#once(container);
      const again = policy === 'Always' || (policy === 'OnFailure' && code !== 0);
      if (this.stopping.signal.aborted || !again) return code;
      const wait = Math.min(1000 * 2 ** Math.min(restarts, 10), longestBackOff);
      const { state } = this.statuses.get(container.name)!;
      const message = `back-off ${wait / 1000}s restarting failed container; its last words: ${this.#lastWords}`;
      this.setState(
        container,
        { waiting: { reason: 'CrashLoopBackOff', message } },
        {
          lastState: state!,
          restartCount: restarts + 1,
        },
      );
      await this.#report();
      await delay(this.context.clock, wait, this.stopping.signal).catch(() => undefined);
      if (this.stopping.signal.aborted) return code;
    }
  }

  #lastWords = '';

  async #once(container: Container): Promise<number> {
    const address = this.#address!;
    const { running, log, startedAt } = await this.startContainer(container, {
      command: container.command ?? [],
      args: container.args ?? [],
      environment: { HOST: address.ip, PORT: String(address.port), POD_IP: address.ip },
    });
    if (this.stopping.signal.aborted) running.stop(0);
    const probing = new AbortController();
    const watch = this.#watch(container, AbortSignal.any([probing.signal, this.stopping.signal]), () =>
      running.stop(1000),
    );
    await this.#report();
    const { exitCode, startError } = await running.exited;
    probing.abort();
    await watch;
    this.#ready.delete(container.name);
    this.#lastWords = startError ?? log.tail.findLast((line) => line.trim() !== '') ?? 'none';
    await log.close();
    this.setState(
      container,
      {
        terminated: {
          exitCode,
          reason: exitCode === 0 ? 'Completed' : 'Error',
          message: this.#lastWords,
          startedAt,
          finishedAt: timestamp(this.context.clock),
        },
      },
      { ready: false },
    );
    await this.#report();
    return exitCode;
  }

  async #watch(container: Container, signal: AbortSignal, restart: () => void): Promise<void> {
    const { readinessProbe, livenessProbe, startupProbe } = container;
    if (startupProbe && !(await this.#startup(startupProbe, signal, restart))) return;
    await Promise.all([
      this.#follow(readinessProbe, signal, (ok) => this.#setReady(container, ok)),
      livenessProbe ? this.#follow(livenessProbe, signal, (ok) => (ok ? undefined : restart())) : undefined,
    ]);
  }

  async #startup(probe: Probe, signal: AbortSignal, restart: () => void): Promise<boolean> {
    for (let failures = 0; !signal.aborted; ) {
      if (await probeOnce(probe, this.#address!, signal)) return true;
      if (++failures >= (probe.failureThreshold ?? 3)) restart();
      await delay(this.context.clock, (probe.periodSeconds ?? 10) * 1000, signal).catch(() => undefined);
    }
    return false;
  }

  async #follow(
    probe: Probe | undefined,
    signal: AbortSignal,
    tell: (ok: boolean) => Promise<void> | undefined | void,
  ): Promise<void> {
    if (!probe) {
      await tell(true);
      return;
    }
    let state: boolean | undefined;
    let same = 0;
    for (;;) {
      const ok = await probeOnce(probe, this.#address!, signal);
      if (signal.aborted) return;
      same = ok === state ? same : 0;
      const threshold = ok
        ? (probe.successThreshold ?? 1)
        : state === undefined
          ? 1
          : (probe.failureThreshold ?? 3);
      if (ok !== state && ++same >= threshold) {
        state = ok;
        same = 0;
        await tell(ok);
      }
      // Until it is first ready a server is asked often: what waits for it should not wait for a probe's period.
      const wait = state === true ? (probe.periodSeconds ?? 10) * 1000 : 25;
      await delay(this.context.clock, wait, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  async #setReady(container: Container, ready: boolean): Promise<void> {
    if (ready) this.#ready.add(container.name);
    else this.#ready.delete(container.name);
    const status = this.statuses.get(container.name);
    if (status) this.statuses.set(container.name, { ...status, ready, started: true });
    await this.#report();
  }

  async #report(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const all = (this.pod.spec?.containers ?? []).every(({ name }) => this.#ready.has(name));
    const status = all ? ('True' as const) : ('False' as const);
    const now = timestamp(this.context.clock);
    const reason = all ? {} : { reason: 'ContainersNotReady' };
    await this.report({
      phase: 'Running',
      podIP: this.#address!.ip,
      ...(process.platform === 'linux' ? {} : { hostPort: this.#address!.port }),
      conditions: [
        { type: 'Initialized', status: 'True', lastTransitionTime: now },
        { type: 'ContainersReady', status, ...reason, lastTransitionTime: now },
        { type: 'Ready', status, ...reason, lastTransitionTime: now },
      ],
    });
  }
}
