import type { Container, Probe } from '@tagboat/api';
import { type Clock, delay } from '@tagboat/base';
import type { RunningContainer } from './driver.ts';
import { probeOnce } from './probes.ts';

export interface SidecarInput {
  readonly container: Container;
  readonly running: RunningContainer;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Resolves when a sidecar is ready, as its probes tell, or has ended: steps start then (Tekton's `await-sidecar-readiness`). */
export async function sidecarReady(input: SidecarInput): Promise<void> {
  const { container, running, signal } = input;
  const ended = new AbortController();
  void running.exited.then(() => ended.abort());
  const stop = AbortSignal.any([signal, ended.signal]);
  if (!container.startupProbe && !container.readinessProbe) await hasBegun(input, stop);
  if (container.startupProbe) await passes(container.startupProbe, input, stop);
  if (container.readinessProbe) await passes(container.readinessProbe, input, stop);
}

/** On a cluster steps begin a second or more after sidecars that have no probes, and people's tasks rely on it. */
const headStart = 400;

async function hasBegun({ running, clock }: SidecarInput, signal: AbortSignal): Promise<void> {
  const program = { exec: { command: ['true'] }, timeoutSeconds: 10 };
  await execProbe(program, running, clock);
  await delay(clock, headStart, signal);
}

async function passes(probe: Probe, input: SidecarInput, signal: AbortSignal): Promise<void> {
  const { clock } = input;
  await delay(clock, (probe.initialDelaySeconds ?? 0) * 1000, signal);
  let successes = 0;
  while (!signal.aborted) {
    successes = (await once(probe, input, signal)) ? successes + 1 : 0;
    if (successes >= (probe.successThreshold ?? 1)) return;
    // What waits for a sidecar should not wait for a whole period of its probe.
    await delay(clock, Math.min((probe.periodSeconds ?? 10) * 1000, 200), signal);
  }
}

async function once(
  probe: Probe,
  { container, running, clock }: SidecarInput,
  signal: AbortSignal,
): Promise<boolean> {
  if (probe.exec) return execProbe(probe, running, clock);
  const wanted = probe.httpGet?.port ?? probe.tcpSocket?.port ?? 0;
  const named = container.ports?.find(({ name }) => name === wanted)?.containerPort;
  return probeOnce(probe, { ip: '127.0.0.1', port: named ?? Number(wanted) }, signal);
}

async function execProbe(probe: Probe, running: RunningContainer, clock: Clock): Promise<boolean> {
  try {
    await using session = await running.exec({ command: probe.exec!.command, stdin: false, tty: false });
    const timeout = Promise.withResolvers<number>();
    using _timer = clock.after((probe.timeoutSeconds ?? 1) * 1000, () => timeout.resolve(1));
    const [code] = await Promise.all([
      Promise.race([session.exitCode, timeout.promise]),
      Promise.race([drain(session.stdout), timeout.promise]),
      Promise.race([drain(session.stderr), timeout.promise]),
    ]);
    return code === 0;
  } catch {
    // A container that has just ended cannot be entered; its end is noticed elsewhere.
    return false;
  }
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}
