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
  const address = (port: number | string) => ({ host: '127.0.0.1', port: Number(port) });
  // That a program can be run in it shows that it is there; whether the image has this one does not matter.
  await probeOnce({ exec: { command: ['true'] } }, { address, running }, 10_000);
  await delay(clock, headStart, signal);
}

async function passes(probe: Probe, input: SidecarInput, signal: AbortSignal): Promise<void> {
  const { clock } = input;
  await delay(clock, (probe.initialDelaySeconds ?? 0) * 1000, signal);
  let successes = 0;
  while (!signal.aborted) {
    successes = (await once(probe, input)) ? successes + 1 : 0;
    if (successes >= (probe.successThreshold ?? 1)) return;
    // What waits for a sidecar should not wait for a whole period of its probe.
    await delay(clock, Math.min((probe.periodSeconds ?? 10) * 1000, 200), signal);
  }
}

async function once(probe: Probe, { container, running }: SidecarInput): Promise<boolean> {
  const address = (wanted: number | string) => {
    const named = container.ports?.find(({ name }) => name === wanted)?.containerPort;
    return { host: '127.0.0.1', port: named ?? Number(wanted) };
  };
  const { ok } = await probeOnce(probe, { address, running }, (probe.timeoutSeconds ?? 1) * 1000);
  return ok;
}
